package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/silenceper/wechat/v2"
	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/miniprogram/config"
	"github.com/silenceper/wechat/v2/util"
)

// moment sends fetches of tokens to the token server, at some moment of the token's life,
// and counts them.
type moment struct {
	server  string
	fetches int
}

func (m *moment) RoundTrip(r *http.Request) (*http.Response, error) {
	target, err := url.Parse(m.server + r.URL.Path + "?" + r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	m.fetches++
	r = r.Clone(r.Context())
	r.URL, r.Host = target, target.Host
	return http.DefaultTransport.RoundTrip(r)
}

// life prints the results of three calls that need a token, with that many seconds of the
// token's life left. It does so for both modes and both caches of the SDK.
func life(lefts []string) {
	for _, stable := range []bool{false, true} {
		for _, kind := range []string{"memory", "redis"} {
			for _, left := range lefts {
				at := &moment{server: os.Getenv("TOKEN_SERVER") + "/left/" + left}
				util.DefaultHTTPClient = &http.Client{Transport: at}
				store := cache.Cache(cache.NewMemory())
				if kind == "redis" {
					redis := cache.NewRedis(context.Background(), &cache.RedisOpts{Host: os.Getenv("REDIS"), Password: os.Getenv("REDIS_PASSWORD")})
					for _, key := range []string{"access_token", "stable_access_token"} {
						_ = redis.Delete("gowechat_miniprogram__" + key + "_" + os.Getenv("APPID"))
					}
					store = redis
				}
				mini := wechat.NewWechat().GetMiniProgram(&config.Config{
					AppID: os.Getenv("APPID"), AppSecret: os.Getenv("CLIENT_SECRET"), Cache: store, UseStableAK: stable,
				})
				var failures []string
				for range 3 {
					if _, err := mini.GetContext().GetAccessToken(); err != nil {
						failures = append(failures, err.Error())
					}
				}
				fmt.Printf("stable=%t cache=%s left=%s fetches=%d failures=%d %s\n", stable, kind, left, at.fetches, len(failures), strings.Join(failures, ";"))
			}
		}
	}
}
