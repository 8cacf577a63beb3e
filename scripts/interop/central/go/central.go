package main

import (
	"os"
	"strings"

	"github.com/silenceper/wechat/v2"
	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/miniprogram"
	"github.com/silenceper/wechat/v2/miniprogram/config"
	"github.com/silenceper/wechat/v2/util"
)

// miniProgram returns the example in docs/central-token-server.md.
func miniProgram() *miniprogram.MiniProgram {
	server := os.Getenv("TOKEN_SERVER") // https://token.example.com
	util.SetURIModifier(func(uri string) string {
		if path, ok := strings.CutPrefix(uri, "https://api.weixin.qq.com/cgi-bin/stable_token"); ok {
			return server + "/cgi-bin/stable_token" + path
		}
		return uri
	})
	return wechat.NewWechat().GetMiniProgram(&config.Config{
		AppID:       os.Getenv("APPID"),
		AppSecret:   os.Getenv("CLIENT_SECRET"),
		Cache:       cache.NewMemory(),
		UseStableAK: true,
	})
}
