package emulator

import (
	"encoding/hex"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A request of the size that requests have. That the SDK signs in the same way is shown by TestTheSDKOfTencentCloudInvokes.
const (
	exampleBody      = `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	exampleTimestamp = 1551113065
	exampleDate      = "2019-02-25"
)

func TestTC3SignatureBreaksWithEachOfItsParts(t *testing.T) {
	key := TC3Key{"AKIDexample", "a secret"}
	at := time.Unix(exampleTimestamp, 0)
	refused := func(change func(r *signedRequest)) *scfAPIError {
		r := signedRequest{key: key, host: "127.0.0.1:9000", signedHost: "127.0.0.1", headers: "content-type;host", body: exampleBody,
			sent: exampleBody, seconds: exampleTimestamp, date: exampleDate, end: "tc3_request", now: at}
		change(&r)
		return r.verify()
	}
	require.Nil(t, refused(func(*signedRequest) {}), "the twin")
	require.Nil(t, refused(func(r *signedRequest) { r.signedHost = r.host }), "the host may be signed with its port")
	require.Nil(t, refused(func(r *signedRequest) { r.headers = "content-type;host;x-tc-action" }), "more may be signed")
	require.Nil(t, refused(func(r *signedRequest) { r.now = at.Add(-tc3MaxSkew) }))
	for name, c := range map[string]struct {
		want   *scfAPIError
		change func(r *signedRequest)
	}{
		"another body":          {errTC3Signature, func(r *signedRequest) { r.sent += " " }},
		"another host":          {errTC3Signature, func(r *signedRequest) { r.signedHost = "scf.tencentcloudapi.com" }},
		"another key":           {errTC3Signature, func(r *signedRequest) { r.key.SecretKey = "other" }},
		"another secret id":     {errTC3SecretID, func(r *signedRequest) { r.key.SecretID = "AKIDother" }},
		"another day":           {errTC3Signature, func(r *signedRequest) { r.date = "2019-02-26" }},
		"another end of scope":  {errTC3Signature, func(r *signedRequest) { r.end = "aws4_request" }},
		"the host is not said":  {errTC3Signature, func(r *signedRequest) { r.headers = "content-type" }},
		"nor the type":          {errTC3Signature, func(r *signedRequest) { r.headers = "host" }},
		"too old":               {errTC3Expired, func(r *signedRequest) { r.now = at.Add(tc3MaxSkew + time.Second) }},
		"from the future":       {errTC3Expired, func(r *signedRequest) { r.now = at.Add(-tc3MaxSkew - time.Second) }},
		"no signature":          {errTC3Authorization, func(r *signedRequest) { r.authorization = "none" }},
		"the SDK skips signing": {errTC3Authorization, func(r *signedRequest) { r.authorization = "SKIP" }},
	} {
		assert.Equal(t, c.want, refused(c.change), name)
	}
}

// signedRequest is a request and how it was signed.
type signedRequest struct {
	key              TC3Key
	host, signedHost string
	headers          string
	body, sent       string
	seconds          int64
	date, end        string
	authorization    string
	now              time.Time
}

func (s signedRequest) verify() *scfAPIError {
	r := httptest.NewRequest("POST", "/", strings.NewReader(s.sent))
	r.Host = s.host
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-TC-Action", "InvokeFunction")
	r.Header.Set("X-TC-Timestamp", strconv.FormatInt(s.seconds, 10))
	scope := []string{s.key.SecretID, s.date, "127", s.end}
	signature := s.key.sign(r, s.signedHost, strings.Split(s.headers, ";"), []byte(s.body), s.seconds, scope)
	r.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential="+strings.Join(scope, "/")+", SignedHeaders="+s.headers+", Signature="+hex.EncodeToString(signature))
	if s.authorization != "" {
		r.Header.Set("Authorization", s.authorization)
	}
	return TC3Key{"AKIDexample", "a secret"}.verify(r, []byte(s.sent), s.now)
}
