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
	// timeout bounds a call whose context has more time, or no deadline at all. It
	// is the SDK's.
	timeout = 15 * time.Second
	// connectionLife is how long an idle connection is kept; the SDK keeps one for
	// 4.8 s.
	connectionLife = 4800 * time.Millisecond

	// The signature covers what these two say, and the platform has only ever seen
	// this call from the SDK, so the call says what the SDK says.
	userAgent  = "tcb-node-sdk/3.17.2"
	sdkVersion = "wx-server-sdk/4.0.2"
)

// Verifier asks WeChat by Cloud Call whether a signature is genuine. It
// implements [openapi.Verifier] and may be used concurrently. Make it with
// [New].
type Verifier struct {
	// Redact masks secrets in what the gateway says. Set it before the first use.
	Redact *redact.Redactor

	environment func(ctx context.Context) map[string]string
	now         func() time.Time
	boundary    func() string
	client      *upstream.Client

	calls atomic.Int64 // numbers the calls of the process, as the SDK does
}

var _ openapi.Verifier = (*Verifier)(nil)

// New makes a Verifier. now is the clock.
//
// environment returns the variables for the invocation of ctx, and they are the
// only ones that count. Those that belong to a caller (WX_…, TCB_…, TRIGGER_SRC)
// must have come with this invocation. The process environment must not stand in
// for them: scf-go-lib copies the variables of each invocation there and clears
// none (cloudfunction, Invoke), so that os.Getenv may return the token of the
// caller before, or of another that is being served at the same time, and the
// question would be asked in his name. Those that belong to the function
// (TENCENTCLOUD_…, SCF_NAMESPACE, TCB_CONTEXT_CNFG) are the same for all callers.
func New(environment func(ctx context.Context) map[string]string, now func() time.Time) *Verifier {
	return &Verifier{
		environment: environment, now: now, boundary: boundary,
		client: upstream.New(upstream.NewTransport(connectionLife, now), now),
	}
}

// boundary has the form that the SDK's form-data gives it.
func boundary() string {
	random := make([]byte, 12)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	return strings.Repeat("-", 26) + hex.EncodeToString(random)
}

// Verify implements [openapi.Verifier]. Errors:
//
//   - WeChat's errcode, as it came;
//   - [openapi.CodeInvalidParam] when the invocation has no [Ticket]; nothing is
//     sent then;
//   - the code with which the platform refused, -604101 above all;
//   - the -501xxx code of an error of the gateway itself;
//   - [openapi.CodeTimeout] when time ran out;
//   - [openapi.CodeSystem] when the request to the gateway failed, or its answer
//     does not say whether the signature is genuine.
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
	// The empty header, which is not sent, tells the transport that a second call
	// would do no harm: it then repeats one that met a connection which had died
	// while it was idle (net/http, Transport).
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

// request builds the call as wx-server-sdk 4.0.2 does at this time of the clock.
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
	signedAt := time.Unix(now.Unix()-1, 0) // a clock that is a little fast does no harm
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
