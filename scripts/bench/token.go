package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"

	"sotercall/internal/dev/sandbox"
)

// fetchToken fetches the token of the baseline.
func (b *bench) fetchToken(ctx context.Context) (string, error) {
	body, err := json.Marshal(map[string]string{
		"grant_type": "client_credential", "appid": sandbox.DefaultAppID, "secret": sandbox.DefaultAppSecret,
	})
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.upstream.URL+"/cgi-bin/stable_token", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := b.upstream.Client().Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var grant struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.UnmarshalRead(response.Body, &grant); err != nil {
		return "", err
	}
	if grant.AccessToken == "" {
		return "", fmt.Errorf("the upstream gave no token")
	}
	return grant.AccessToken, nil
}
