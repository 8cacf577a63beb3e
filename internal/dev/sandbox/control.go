package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"sotercall/internal/upstream"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxControlBody bounds a control request, in bytes.
const maxControlBody = 64 << 10

// local keeps web pages away from the control paths. Any page that the developer visits can
// send requests to loopback. Those under a foreign name that resolves to 127.0.0.1 (DNS
// rebinding) have it in the Host header. Those across origins have an Origin header.
func (s *Sandbox) local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !upstream.IsLoopback(r.Host) && !(s.containers && upstream.IsThisComputer(r.Host)) {
			refuse(w, http.StatusForbidden, errors.New("the sandbox is controlled through a loopback address or localhost only"))
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" && !sameOrigin(origin, r.Host) {
			refuse(w, http.StatusForbidden, errors.New("the sandbox is not controlled from other web pages"))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
		next.ServeHTTP(w, r)
	})
}

func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

func (s *Sandbox) controlDevices(w http.ResponseWriter, _ *http.Request) {
	respond(w, http.StatusOK, Devices())
}

// signRequest is the body of POST /sandbox/phone/sign. Without device it is an Android;
// without appid, the user is the first app's.
type signRequest struct {
	AppID     string `json:"appid"`
	OpenID    string `json:"openid"`
	Challenge string `json:"challenge"`
	Device    string `json:"device"`
}

func (s *Sandbox) controlSign(w http.ResponseWriter, r *http.Request) {
	req := signRequest{Device: string(Android)}
	if err := json.UnmarshalRead(r.Body, &req, json.RejectUnknownMembers(true)); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf(`want {"openid":"…","challenge":"…","device":"android"}: %w`, err))
		return
	}
	device, err := ParseDevice(req.Device)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	// Checked before the phone is enrolled: a refused request leaves nothing behind.
	if err := checkChallenge(req.Challenge); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	signed, err := s.sign(req.AppID, req.OpenID, device, req.Challenge)
	if errors.Is(err, ErrArgument) {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	respond(w, http.StatusOK, signed)
}

func (s *Sandbox) sign(appID, openid string, device Device, challenge string) (Signed, error) {
	app, err := s.App(appID)
	if err != nil {
		return Signed{}, err
	}
	phone, err := app.Phone(openid, device)
	if err != nil {
		return Signed{}, err
	}
	return phone.Sign(challenge)
}

func (s *Sandbox) controlListFaults(w http.ResponseWriter, _ *http.Request) {
	respond(w, http.StatusOK, s.Faults())
}

// controlInject takes one Fault or an array of them, and injects all or none.
func (s *Sandbox) controlInject(w http.ResponseWriter, r *http.Request) {
	faults, err := readFaults(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	for _, f := range faults {
		if err := s.checkFault(f); err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
	}
	s.mu.Lock()
	s.faults = append(s.faults, faults...)
	s.mu.Unlock()
	respond(w, http.StatusOK, s.Faults())
}

func readFaults(body io.Reader) ([]Fault, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	var faults []Fault
	if jsontext.Value(text).Kind() == '{' {
		faults = make([]Fault, 1)
		err = json.Unmarshal(text, &faults[0], json.RejectUnknownMembers(true))
	} else {
		err = json.Unmarshal(text, &faults, json.RejectUnknownMembers(true))
	}
	if err != nil {
		return nil, fmt.Errorf(`want a fault such as {"kind":"errcode","errcode":40001,"times":1}, or an array of them: %w`, err)
	}
	return faults, nil
}

func (s *Sandbox) controlClearFaults(w http.ResponseWriter, _ *http.Request) {
	s.ClearFaults()
	respond(w, http.StatusOK, s.Faults())
}

func refuse(w http.ResponseWriter, status int, err error) {
	respond(w, status, struct {
		Error string `json:"error"`
	}{err.Error()})
}

func respond(w http.ResponseWriter, status int, reply any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(jsonText(reply))
}
