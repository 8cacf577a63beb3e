package cloudcall_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
	"sotercall/internal/wechat/cloudcall"
)

// message is what the recorded request's signature covers, as a server sees it.
func (r recording) message(t testing.TB) cloudcall.Message {
	t.Helper()
	form, err := cloudcall.ReadForm(r.Request.Header["content-type"], r.Request.Body)
	require.NoError(t, err)
	path, query, _ := strings.Cut(r.Request.Target, "?")
	header := http.Header{}
	for name, value := range r.Request.Header {
		header.Set(name, value)
	}
	return cloudcall.Message{Host: r.Request.Header["host"], Path: path, RawQuery: query, Header: header, Form: form}
}

func TestSignatureOfTheSDKIsVerified(t *testing.T) {
	for _, r := range recordings(t) {
		m, c := r.message(t), r.credentials()
		require.NoError(t, c.Verify(m, r.now()), r.Name)
		require.NoError(t, c.Verify(m, r.now().Add(9*time.Minute)), r.Name)
	}
}

// TestSignatureIsRefused spoils one thing of a good request each time.
func TestSignatureIsRefused(t *testing.T) {
	r := recordings(t)[0]
	replace := func(header, old, new string) func(*cloudcall.Message) {
		return func(m *cloudcall.Message) {
			value := m.Header.Get(header)
			require.Contains(t, value, old)
			m.Header.Set(header, strings.Replace(value, old, new, 1))
		}
	}
	field := func(name, value string) func(*cloudcall.Message) {
		return func(m *cloudcall.Message) {
			for i := range m.Form {
				if m.Form[i].Name == name {
					m.Form[i].Value = []byte(value)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		spoil  func(m *cloudcall.Message)
		reason error
	}{
		"no Authorization":        {func(m *cloudcall.Message) { m.Header.Del("Authorization") }, cloudcall.ErrSignature},
		"another algorithm":       {replace("Authorization", "TC3-HMAC-SHA256", "TC3-HMAC-SHA1"), cloudcall.ErrSignature},
		"another secret id":       {replace("Authorization", "demo-secret-id", "demo-secret-ie"), cloudcall.ErrSecretID},
		"another service":         {replace("Authorization", "/tcb/", "/cos/"), cloudcall.ErrSignature},
		"another day":             {replace("Authorization", "2025-11-23", "2025-11-22"), cloudcall.ErrSignature},
		"another signature":       {replace("Authorization", "Signature=dd", "Signature=de"), cloudcall.ErrSignature},
		"no hex":                  {replace("Authorization", "Signature=dd", "Signature=xx"), cloudcall.ErrSignature},
		"no signature":            {replace("Authorization", "Signature=", "Signed="), cloudcall.ErrSignature},
		"a parameter twice":       {replace("Authorization", ", SignedHeaders", ", SignedHeaders=host, SignedHeaders"), cloudcall.ErrSignature},
		"host not signed":         {replace("Authorization", ";host;", ";"), cloudcall.ErrSignature},
		"type not signed":         {replace("Authorization", "content-type;", ""), cloudcall.ErrSignature},
		"a field not signed":      {replace("Authorization", ";requestdata;", ";"), cloudcall.ErrSignature},
		"a field more":            {func(m *cloudcall.Message) { m.Form = append(m.Form, cloudcall.Field{Name: "more", Value: []byte("x")}) }, cloudcall.ErrSignature},
		"a field changed":         {field("apiName", "soter.other"), cloudcall.ErrSignature},
		"the question changed":    {field("requestData", "\x08\x00"), cloudcall.ErrSignature},
		"a field emptied":         {field("wxCloudApiToken", ""), cloudcall.ErrSignature},
		"a header changed":        {replace("X-SDK-Version", "4.0.2", "4.0.3"), cloudcall.ErrSignature},
		"a header taken away":     {func(m *cloudcall.Message) { m.Header.Del("X-Tcb-Source") }, cloudcall.ErrSignature},
		"another host":            {func(m *cloudcall.Message) { m.Host = "127.0.0.1:8081" }, cloudcall.ErrSignature},
		"another path":            {func(m *cloudcall.Message) { m.Path = "/other" }, cloudcall.ErrSignature},
		"another query":           {func(m *cloudcall.Message) { m.RawQuery += "&x=1" }, cloudcall.ErrSignature},
		"another time":            {replace("X-Timestamp", "1763890111", "1763890112"), cloudcall.ErrSignature},
		"no time":                 {func(m *cloudcall.Message) { m.Header.Del("X-Timestamp") }, cloudcall.ErrSignature},
		"no expiry":               {func(m *cloudcall.Message) { m.Header.Del("X-Signature-Expires") }, cloudcall.ErrSignature},
		"expired at once":         {replace("X-Signature-Expires", "600", "0"), cloudcall.ErrExpired},
		"expired before it began": {replace("X-Signature-Expires", "600", "-9223372036854775808"), cloudcall.ErrExpired},
	} {
		t.Run(name, func(t *testing.T) {
			m := r.message(t)
			require.NoError(t, r.credentials().Verify(m, r.now()))
			c.spoil(&m)
			require.ErrorIs(t, r.credentials().Verify(m, r.now()), c.reason)
		})
	}

	m := r.message(t)
	other := r.credentials()
	other.SecretKey = secret.New("demo-secret-kez")
	require.ErrorIs(t, other.Verify(m, r.now()), cloudcall.ErrSignature)
	require.ErrorIs(t, cloudcall.Credentials{}.Verify(m, r.now()), cloudcall.ErrSecretID)
}

func TestSignatureLivesTenMinutesWhateverItSays(t *testing.T) {
	r := recordings(t)[0]
	signed := r.now().Truncate(time.Second).Add(-time.Second)
	m := r.message(t)
	for _, expires := range []string{"600", "601", "9223372036854775807"} {
		m.Header.Set("X-Signature-Expires", expires)
		for _, sign := range []time.Duration{-1, 1} {
			require.NoError(t, r.credentials().Verify(m, signed.Add(sign*cloudcall.MaxAge)))
			require.ErrorIs(t, r.credentials().Verify(m, signed.Add(sign*(cloudcall.MaxAge+time.Nanosecond))), cloudcall.ErrExpired)
		}
	}
	m.Header.Set("X-Signature-Expires", "60")
	require.NoError(t, r.credentials().Verify(m, signed.Add(time.Minute)))
	require.ErrorIs(t, r.credentials().Verify(m, signed.Add(time.Minute+1)), cloudcall.ErrExpired)
}
