package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"sync"

	"sotercall"
)

// shop sells the goods in orders.
type shop struct {
	soter   *sotercall.Service
	session func(r *http.Request) (openid string, err error)
	orders  orders
}

func (s *shop) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}/challenge", s.challenge)
	mux.HandleFunc("POST /orders/{id}/pay", s.pay)
	mux.HandleFunc("GET /readyz", s.ready)
	// For other services of yours, in any language: docs/call.md.
	mux.Handle("/soter/", http.StripPrefix("/soter", s.soter.Handler()))
	return mux
}

// ready serves the readiness probe: the first user need not wait for what Prepare does.
func (s *shop) ready(w http.ResponseWriter, r *http.Request) {
	if err := s.soter.Prepare(r.Context()); err != nil {
		log.Print(err)
		http.Error(w, "not ready", http.StatusServiceUnavailable)
	}
}

// purpose returns the text that the user authorizes. It holds everything that must not
// change before the payment.
func purpose(order, price string) string { return "pay order " + order + ": " + price }

// challenge responds with the text that the page passes to wx.startSoterAuthentication.
func (s *shop) challenge(w http.ResponseWriter, r *http.Request) {
	openid, err := s.session(r)
	if err != nil {
		http.Error(w, "log in", http.StatusUnauthorized)
		return
	}
	price, found := s.orders.price(r.PathValue("id"))
	if !found {
		http.Error(w, "there is no such order", http.StatusNotFound)
		return
	}
	challenge, err := s.soter.IssueChallenge(r.Context(), sotercall.ChallengeRequest{
		OpenID: openid, Purpose: purpose(r.PathValue("id"), price),
	})
	if err != nil {
		log.Print(err)
		http.Error(w, "try again later", http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"challenge": challenge.Text})
}

// pay takes the result of wx.startSoterAuthentication from the page.
func (s *shop) pay(w http.ResponseWriter, r *http.Request) {
	openid, err := s.session(r)
	if err != nil {
		http.Error(w, "log in", http.StatusUnauthorized)
		return
	}
	var result struct {
		ResultJSON          string `json:"resultJSON"`
		ResultJSONSignature string `json:"resultJSONSignature"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10)).Decode(&result); err != nil {
		http.Error(w, "send resultJSON and resultJSONSignature", http.StatusBadRequest)
		return
	}
	order := r.PathValue("id")
	price, found := s.orders.price(order)
	if !found {
		http.Error(w, "there is no such order", http.StatusNotFound)
		return
	}
	_, err = s.soter.Verify(r.Context(), sotercall.Request{
		OpenID: openid, Purpose: purpose(order, price),
		JSONString: result.ResultJSON, JSONSignature: result.ResultJSONSignature,
	})
	var refused *sotercall.RefusedError
	var failed *sotercall.Error
	switch {
	case errors.As(err, &refused): // the reason is for the log
		log.Print(err)
		http.Error(w, "the fingerprint was not accepted", http.StatusForbidden)
	case errors.As(err, &failed) && failed.Code == sotercall.CodeInvalidParameter:
		http.Error(w, "send resultJSON and resultJSONSignature as they came", http.StatusBadRequest)
	case err != nil: // the signature was not judged: do not count it against the user
		log.Print(err)
		http.Error(w, "try again later", http.StatusServiceUnavailable)
	case !s.orders.markPaid(order):
		http.Error(w, "the order has been paid", http.StatusConflict)
	}
}

// orders stands in for a database.
type orders struct {
	mu     sync.Mutex
	prices map[string]string
	paid   map[string]bool
}

func (o *orders) price(order string) (price string, found bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	price, found = o.prices[order]
	return price, found
}

// markPaid pays an order once.
func (o *orders) markPaid(order string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.paid[order] {
		return false
	}
	if o.paid == nil {
		o.paid = map[string]bool{}
	}
	o.paid[order] = true
	return true
}
