package cloudcall

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"sotercall/internal/openapi"
	"sotercall/internal/secret/redact"
	"sotercall/internal/upstream"
)

const (
	// timeout bounds a call whose context has more time, or no deadline. It is the SDK's.
	timeout = 15 * time.Second
	// connectionLife bounds an idle connection; the SDK keeps one for 4.8 s.
	connectionLife = 4800 * time.Millisecond

	// Both are the SDK's own values. The signature covers them, and the platform has seen
	// this call only from the SDK.
	userAgent  = "tcb-node-sdk/3.17.2"
	sdkVersion = "wx-server-sdk/4.0.2"
)

// Verifier has WeChat judge signatures by Cloud Call. It implements [openapi.Verifier] and
// is safe for concurrent use. Use [New] to make one.
type Verifier struct {
	// Redact masks secrets in the gateway's texts. Set it before the first use.
	Redact *redact.Redactor

	environment func(ctx context.Context) map[string]string
	now         func() time.Time
	boundary    func() string
	client      *upstream.Client

	calls atomic.Int64 // numbers the calls of the process, as the SDK does
}

var _ openapi.Verifier = (*Verifier)(nil)

// New returns a Verifier. now is the wall clock.
//
// environment returns the variables for the invocation of ctx; no others are read. Those
// that belong to a caller (WX_…, TCB_…, TRIGGER_SRC) must have come with this invocation.
// Do not pass the process environment: scf-go-lib copies the variables of each invocation
// there and clears none (cloudfunction, Invoke). os.Getenv may return the token of an
// earlier or a concurrent caller, and the request would be made in that caller's name.
// Those that belong to the function (TENCENTCLOUD_…, SCF_NAMESPACE, TCB_CONTEXT_CNFG) are
// the same for all callers.
func New(environment func(ctx context.Context) map[string]string, now func() time.Time) *Verifier {
	return &Verifier{
		environment: environment, now: now, boundary: boundary,
		client: upstream.New(upstream.NewTransport(connectionLife, now), now),
	}
}

// boundary returns one in the format of the SDK's form-data.
func boundary() string {
	random := make([]byte, 12)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	return strings.Repeat("-", 26) + hex.EncodeToString(random)
}

// Verify implements [openapi.Verifier]. Errors:
//
//   - WeChat's errcode, as it came;
//   - [openapi.CodeInvalidParam] if the invocation has no [Ticket]; nothing is sent then;
//   - the code of the platform's refusal, above all -604101;
//   - the -501xxx code of an error of the gateway itself;
//   - [openapi.CodeTimeout] if time ran out;
//   - [openapi.CodeSystem] if the gateway could not be reached, or its reply does not say
//     whether the signature is genuine.
func (v *Verifier) Verify(ctx context.Context, r openapi.Request) (openapi.Verdict, error) {
	i, err := readInvocation(v.environment(ctx))
	if err != nil {
		return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, err.Error(), nil)
	}
	if !i.hasTicket() {
		return openapi.Verdict{}, openapi.NewError(openapi.CodeInvalidParam, "the invocation has no "+Ticket+", without which the platform refuses a Cloud Call (missing wxCloudApiToken): "+noTicket, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := v.request(ctx, i, r)
	if err != nil {
		return openapi.Verdict{}, err
	}
	// The empty header, which is not sent, marks the request as repeatable. The transport
	// then repeats it if its connection had died while idle (net/http, Transport).
	req.Header["Idempotency-Key"] = nil
	reply, err := v.client.Send(req)
	err = v.Redact.Error(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return openapi.Verdict{}, openapi.NewError(openapi.CodeTimeout, "the gateway did not answer in time", err)
	case err != nil:
		message := "the request to the gateway failed"
		if obstacle, ok := errors.AsType[*upstream.Obstacle](err); ok {
			message += ": " + obstacle.Sentence()
		}
		return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, message, err)
	}
	return read(v.Redact, reply.Status, reply.ContentType, reply.Body)
}

// request builds the request that wx-server-sdk 4.0.2 would send at this time.
func (v *Verifier) request(ctx context.Context, i invocation, r openapi.Request) (*http.Request, error) {
	requestData, err := marshalRequest(r)
	if err != nil {
		return nil, openapi.NewError(openapi.CodeInvalidParam, "a parameter is not valid UTF-8", err)
	}
	now := v.now()
	milliseconds := now.UnixMilli()
	form := i.form(requestData)
	boundary := v.boundary()
	target := i.target(strconv.FormatInt(milliseconds, 16) + "_" + strconv.FormatInt(v.calls.Add(1), 16))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(form.Encode(boundary)))
	if err != nil {
		return nil, openapi.NewError(openapi.CodeSystem, "the call to the gateway could not be built", nil)
	}
	req.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("X-TCB-Source", i.source+",scf")
	req.Header.Set("X-Client-Timestamp", strconv.FormatInt(milliseconds, 10))
	req.Header.Set("X-SDK-Version", sdkVersion)
	if i.traceLog != "" {
		req.Header.Set("X-TCB-Tracelog", i.traceLog)
	}
	if i.region != "" {
		req.Header.Set("X-TCB-Region", i.region)
	}
	signedAt := time.Unix(now.Unix()-1, 0) // allows for a clock that is a little fast
	req.Header.Set("Authorization", i.credentials.Sign(Message{
		Host: target.Host, Path: target.EscapedPath(), RawQuery: target.RawQuery, Header: req.Header, Form: form,
	}, signedAt))
	req.Header.Set(headerExpires, strconv.Itoa(int(MaxAge/time.Second)))
	req.Header.Set(headerTimestamp, strconv.FormatInt(signedAt.Unix(), 10))
	return req, nil
}

func marshalRequest(r openapi.Request) ([]byte, error) {
	var pairs []Pair
	for _, parameter := range []struct{ key, value string }{
		{KeyOpenID, r.OpenID}, {KeyJSONString, r.JSONString}, {KeyJSONSignature, r.JSONSignature},
	} {
		value, err := quote(parameter.value)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, Pair{Key: parameter.key, Value: value})
	}
	return MarshalCall(pairs...), nil
}
