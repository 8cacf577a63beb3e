package cloudcall_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/openapi"
	"sotercall/internal/test/tlstest"
)

func TestGatewaysWithAndWithoutHTTP2(t *testing.T) {
	for name, protocols := range map[string][]string{"HTTP/2 and HTTP/1.1": tlstest.Common, "HTTP/1.1 only": {"http/1.1"}, "no ALPN": nil} {
		server := tlstest.Own().Serve(weChat(`{"errcode":0,"errmsg":"ok","is_ok":true}`), protocols...)
		defer server.Close()
		b := newBench(t, nil)
		b.TrustOnly(tlstest.Own().Pool())
		b.environment["TCB_CONTEXT_CNFG"] = `{"URL":"` + server.URL + `/admin"}`
		verdict, err := ask(t, b)
		require.NoError(t, err, name)
		assert.Equal(t, openapi.Genuine(), verdict, name)
		b.CloseConnections()
	}
	for name, refuse := range map[string]bool{"HTTP/2 only, by ALPN": true, "HTTP/2 only": false} {
		b := newBench(t, nil)
		b.TrustOnly(tlstest.Own().Pool())
		b.environment["TCB_CONTEXT_CNFG"] = `{"URL":"` + tlstest.ServeHTTP2Only(t, refuse) + `/admin"}`
		verdict, err := ask(t, b)
		assert.Zero(t, verdict, name)
		var e *openapi.Error
		require.ErrorAs(t, err, &e, name)
		assert.Equal(t, openapi.CodeSystem, e.Code, name)
		assert.Equal(t, "-604103 call open API system error. the request to the gateway failed: the server speaks HTTP/2 only, and this function HTTP/1.1", e.Message, name)
		assert.NotContains(t, err.Error(), "s3cr3t", name)
	}
}
