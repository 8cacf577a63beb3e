package accesstoken_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/secret"
)

// counting is an Endpoint that gives a new token each time.
type counting struct{ fetches int }

func (c *counting) Fetch(context.Context, accesstoken.FetchRequest) (accesstoken.Grant, error) {
	c.fetches++
	return accesstoken.Grant{Value: secret.New(fmt.Sprint("token ", c.fetches)), ExpiresIn: 2 * time.Hour}, nil
}

func ExampleCache() {
	endpoint := new(counting)
	cache := accesstoken.NewCache(accesstoken.Config{
		Endpoint: endpoint, Store: accesstoken.NewMemory(time.Now), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	ctx := context.Background()
	first, _ := cache.Token(ctx)
	again, _ := cache.Token(ctx)
	fmt.Println(first.Value.Reveal(), again.Value.Reveal(), endpoint.fetches)

	// WeChat has refused it: two callers replace it, with one fetch.
	next, _ := cache.Replace(ctx, first.Value, accesstoken.Refused)
	late, _ := cache.Replace(ctx, first.Value, accesstoken.Refused)
	fmt.Println(next.Value.Reveal(), late.Value.Reveal(), endpoint.fetches)
	fmt.Println(next.Value) // however it is printed
	// Output:
	// token 1 token 1 1
	// token 2 token 2 2
	// [redacted]
}
