// Verifies a signature: exit status 0 genuine, 1 wrong, 2 not known.
//
//	go build verify.go && SOTER_URL=https://… SOTER_BEARER_TOKEN=… ./verify question.json
//
// question.json: {"openid":"…","purpose":"…","jsonString":"…","jsonSignature":"…"}. purpose
// is the one that your backend had the challenge issued for, never a page's.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"
)

// verify returns an error if there is no result; that does not mean that the signature is wrong.
func verify(file string) (genuine bool, err error) {
	body, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	request, err := http.NewRequest(http.MethodPost, os.Getenv("SOTER_URL")+"/openapi/soter/verifySignature", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + os.Getenv("SOTER_BEARER_TOKEN")}}
	client := http.Client{Timeout: 15 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	var answer struct {
		IsOK    *bool  `json:"isOk"`
		ErrCode *int   `json:"errCode"`
		ErrMsg  string `json:"errMsg"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return false, fmt.Errorf("status %d: %w", response.StatusCode, err)
	}
	if response.StatusCode != http.StatusOK || answer.IsOK == nil || answer.ErrCode == nil || *answer.ErrCode != 0 {
		return false, fmt.Errorf("status %d: %s", response.StatusCode, answer.ErrMsg)
	}
	return *answer.IsOK, nil
}

func main() {
	switch genuine, err := verify(os.Args[1]); {
	case err != nil:
		fmt.Fprintln(os.Stderr, "no verdict:", err)
		os.Exit(2)
	case !genuine:
		fmt.Println("refused")
		os.Exit(1)
	}
	fmt.Println("genuine")
}
