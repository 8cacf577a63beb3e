// Command goservice is a backend in Go that takes a payment when its user has put a finger
// on the sensor. It verifies the signature with package sotercall, in its own process.
//
// Its variables are those of docs/configuration.md: WECHAT_APPID, WECHAT_APPSECRET and
// CHALLENGE_SECRET at least, and REDIS_URL if there is more than one instance.
package main

import (
	"errors"
	"log"
	"net/http"
	"time"

	"sotercall"
	"sotercall/redisstore"
)

func main() {
	soter, err := sotercall.FromEnv(redisstore.FromEnv)
	if err != nil {
		log.Fatal(err)
	}
	defer soter.Close()
	shop := &shop{soter: soter, session: session}
	shop.orders.prices = map[string]string{"2026-0042": "12.00 CNY"}
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: shop.handler(), ReadTimeout: 10 * time.Second}
	log.Print(server.ListenAndServe())
}

// session returns the openid of whoever is logged in. Yours looks the request's session up,
// which began with wx.login; never take the openid from what the page sends.
func session(*http.Request) (openid string, err error) {
	return "", errors.New("write me: there is no session")
}
