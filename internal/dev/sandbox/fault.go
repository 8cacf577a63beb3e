package sandbox

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sotercall/internal/upstream"
	"sotercall/internal/wechat/cloudcall"
)

// FaultKind is the kind of a fault.
type FaultKind string

// The faults. Unless its comment says otherwise, the request is not processed.
const (
	FaultErrCode   FaultKind = "errcode"   // WeChat's failure with ErrCode
	FaultDelay     FaultKind = "delay"     // the right reply, DelayMS late
	FaultReset     FaultKind = "reset"     // the connection is reset (RST) instead of a reply
	FaultDrop      FaultKind = "drop"      // the connection is closed instead of a reply
	FaultTruncated FaultKind = "truncated" // processed; the reply breaks off in the middle
	FaultHTML      FaultKind = "html"      // 200 with a web page, as portals and proxies send
	FaultStatus    FaultKind = "status"    // HTTP Status, without JSON
	FaultEmpty     FaultKind = "empty"     // 200 without a body
	// 302 to /cgi-bin/redirected; Requests shows whether a client went there
	FaultRedirect FaultKind = "redirect"
	FaultBody     FaultKind = "body" // 200 with Body in place of WeChat's JSON
	// processed; {"is_ok":true} or false without errcode and errmsg
	FaultBare   FaultKind = "bare"
	FaultRevoke FaultKind = "revoke" // RevokeTokens, then processed
	FaultRotate FaultKind = "rotate" // RotateTokens, then processed

	// The gateway for Cloud Calls alone has these two.

	FaultPermission FaultKind = "permission" // config.json lists the API, and does not count yet
	FaultGateway    FaultKind = "gateway"    // CloudBase's own refusal with Code
)

// Fault is a failure on request. A request meets the first fault, in the order of
// injection, whose path matches; the others wait.
//
// Most faults of the Cloud Call gateway, /admin, affect the gateway's own reply. Those of
// kind errcode, body or bare are WeChat's reply behind it. A fault of
// /cgi-bin/soter/verify_signature also affects the gateway's request there. If it breaks
// the connection or changes the status, the gateway refuses with -604103. If it delays by
// more than three seconds, the gateway refuses with -604102, at once.
//
// Those of kind permission or gateway affect /admin only. After an upload of config.json,
// the permissions in it take about ten minutes.
type Fault struct {
	// Path is the API path that it affects, "" for all.
	Path string `json:"path,omitzero"`

	// AppID is the app whose requests it affects, "" for all: those with its credentials or
	// its tokens.
	AppID string `json:"appid,omitzero"`

	Kind FaultKind `json:"kind"`

	// Times is how many requests it affects; 0 is every one until ClearFaults.
	Times int `json:"times,omitzero"`

	// DelayMS is a delay before it acts, of any kind, in milliseconds, at most ten minutes.
	// It ends if the client leaves.
	DelayMS int `json:"delay_ms,omitzero"`

	// ErrCode is for FaultErrCode. ErrMsg is sent unchanged, so that a text can have a hint
	// or no rid; "" means WeChat's text and a rid.
	ErrCode int    `json:"errcode,omitzero"`
	ErrMsg  string `json:"errmsg,omitzero"`

	// Status is for FaultStatus, 400 to 599; 0 means 502.
	Status int `json:"status,omitzero"`

	// Body is for FaultBody, any text in UTF-8.
	Body string `json:"body,omitzero"`

	// Code is for FaultGateway, such as EXCEED_REQUEST_LIMIT.
	Code string `json:"code,omitzero"`
}

const maxDelayMS = 600_000

var faultKinds = []FaultKind{
	FaultErrCode, FaultDelay, FaultReset, FaultDrop, FaultTruncated, FaultHTML, FaultStatus,
	FaultEmpty, FaultRedirect, FaultBody, FaultBare, FaultRevoke, FaultRotate, FaultPermission, FaultGateway,
}

func (f Fault) check() error {
	switch {
	case !slices.Contains(faultKinds, f.Kind):
		return fmt.Errorf("%w: fault kind %q, want one of %q", ErrArgument, f.Kind, faultKinds)
	case f.Path != "" && !strings.HasPrefix(f.Path, "/"):
		return fmt.Errorf("%w: fault path %q, want it to begin with / or to be empty", ErrArgument, f.Path)
	case strings.HasPrefix(f.Path, "/sandbox/"):
		return fmt.Errorf("%w: fault path %q, control paths have no faults", ErrArgument, f.Path)
	case f.Times < 0:
		return fmt.Errorf("%w: fault times %d, want 0 (until cleared) or more", ErrArgument, f.Times)
	case f.DelayMS < 0 || f.DelayMS > maxDelayMS:
		return fmt.Errorf("%w: fault delay_ms %d, want 0 to %d", ErrArgument, f.DelayMS, maxDelayMS)
	case f.Kind == FaultDelay && f.DelayMS == 0:
		return fmt.Errorf("%w: fault delay without delay_ms", ErrArgument)
	case f.Kind == FaultErrCode && f.ErrCode == 0:
		return fmt.Errorf("%w: fault errcode without errcode", ErrArgument)
	case f.Kind == FaultStatus && f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("%w: fault status %d, want 400 to 599", ErrArgument, f.Status)
	case f.isGateways() && f.Path != "" && f.Path != cloudcall.Path:
		return fmt.Errorf("%w: fault %s of path %q, want %s or none", ErrArgument, f.Kind, f.Path, cloudcall.Path)
	case f.Kind == FaultGateway && gatewayCodes[f.Code].rule == nil:
		return fmt.Errorf("%w: fault gateway with code %q, want one of %q", ErrArgument, f.Code, slices.Sorted(maps.Keys(gatewayCodes)))
	case !utf8.ValidString(f.Path + f.ErrMsg + f.Body):
		return fmt.Errorf("%w: fault is not UTF-8", ErrArgument)
	}
	return nil
}

func (s *Sandbox) checkFault(f Fault) error {
	if _, err := s.App(f.AppID); err != nil {
		return err
	}
	return f.check()
}

// Inject adds a fault. The error is ErrArgument.
func (s *Sandbox) Inject(f Fault) error {
	if err := s.checkFault(f); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
	return nil
}

// Faults returns the faults that are left, with the Times that are left.
func (s *Sandbox) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.faults)
}

// ClearFaults removes all faults. Tokens that a fault revoked stay revoked.
func (s *Sandbox) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault returns the fault for one request, and counts it.
func (s *Sandbox) takeFault(path, appID string) (Fault, bool) {
	return s.takeFirstFault(func(f Fault) bool { return f.isOf(path) && f.concerns(appID) })
}

// isOf reports whether f affects requests of that path.
func (f Fault) isOf(path string) bool {
	if f.isGateways() {
		return path == cloudcall.Path
	}
	return f.Path == "" || f.Path == path
}

// concerns reports whether f affects requests of that app.
func (f Fault) concerns(appID string) bool { return f.AppID == "" || f.AppID == appID }

func (s *Sandbox) takeFirstFault(fits func(f Fault) bool) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.faults, fits)
	if i < 0 {
		return Fault{}, false
	}
	fault := s.faults[i]
	if fault.Times == 1 {
		s.faults = slices.Delete(s.faults, i, i+1)
	} else if fault.Times > 1 {
		s.faults[i].Times--
	}
	return fault, true
}

func (s *Sandbox) strike(f Fault, next http.Handler, w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == cloudcall.Path && f.isWeChats() {
		s.serveGateway(w, r, f)
		return
	}
	s.strikeConnection(f, next, w, r)
}

func (s *Sandbox) strikeConnection(f Fault, next http.Handler, w http.ResponseWriter, r *http.Request) {
	s.log.Info("sandbox fault", slog.String("path", r.URL.Path), slog.String("kind", string(f.Kind)))
	if !wait(r, time.Duration(f.DelayMS)*time.Millisecond) {
		panic(http.ErrAbortHandler)
	}
	switch f.Kind {
	case FaultPermission:
		s.serveGateway(w, r, f)
	case FaultGateway:
		code := gatewayCodes[f.Code]
		code.rule.Refuse()
		s.refuseCall(w, r, &cloudcall.GatewayError{Code: f.Code, Message: code.says})
	case FaultErrCode:
		reply := s.worded(r, &apiError{code: f.ErrCode})
		if f.ErrMsg != "" {
			reply.ErrMsg = f.ErrMsg
		}
		s.write(w, r, reply)
	case FaultReset:
		reset(w)
	case FaultDrop:
		panic(http.ErrAbortHandler)
	case FaultTruncated:
		truncate(w, capture(next, r))
	case FaultHTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Please sign in.</body></html>"))
	case FaultStatus:
		status := f.Status
		if status == 0 {
			status = http.StatusBadGateway
		}
		http.Error(w, http.StatusText(status), status)
	case FaultEmpty:
		w.WriteHeader(http.StatusOK)
	case FaultRedirect:
		w.Header().Set("Location", "/cgi-bin/redirected")
		w.WriteHeader(http.StatusFound)
	case FaultBody:
		w.Header().Set("Content-Type", "application/json; encoding=utf-8")
		_, _ = w.Write([]byte(f.Body))
	case FaultBare:
		c := capture(next, r)
		c.body = bytes.Replace(c.body, []byte(`"errcode":0,"errmsg":"ok",`), nil, 1)
		c.send(w)
	case FaultRevoke:
		s.RevokeTokens()
		next.ServeHTTP(w, r)
	case FaultRotate:
		s.RotateTokens()
		next.ServeHTTP(w, r)
	default: // FaultDelay
		next.ServeHTTP(w, r)
	}
}

// wait returns false if the client leaves first.
func wait(r *http.Request, d time.Duration) bool {
	return d == 0 || upstream.Sleep(r.Context(), d) == nil
}

// reset closes a TCP connection with an RST, and any other without a reply.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	tcp := conn
	if tls, ok := conn.(interface{ NetConn() net.Conn }); ok {
		tcp = tls.NetConn() // closing the TLS layer would send a close notification first
	}
	if lingering, ok := tcp.(interface{ SetLinger(sec int) error }); ok {
		_ = lingering.SetLinger(0)
	}
	_ = tcp.Close()
}

// captured is a reply that has not been sent yet.
type captured struct {
	header http.Header
	status int
	body   []byte
}

func capture(next http.Handler, r *http.Request) *captured {
	c := &captured{header: make(http.Header), status: http.StatusOK}
	next.ServeHTTP(c, r)
	return c
}

func (c *captured) Header() http.Header    { return c.header }
func (c *captured) WriteHeader(status int) { c.status = status }
func (c *captured) Write(p []byte) (int, error) {
	c.body = append(c.body, p...)
	return len(p), nil
}

func (c *captured) send(w http.ResponseWriter) {
	for name, values := range c.header {
		w.Header()[name] = values
	}
	w.WriteHeader(c.status)
	_, _ = w.Write(c.body)
}

// truncate announces the whole reply, sends half of it, and breaks the connection.
func truncate(w http.ResponseWriter, c *captured) {
	c.header.Set("Content-Length", strconv.Itoa(len(c.body)))
	c.body = c.body[:len(c.body)/2]
	c.send(w)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
