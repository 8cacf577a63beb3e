package awssdk_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/tlstest"
	"sotercall/internal/upstream"
	"sotercall/internal/upstream/awssdk"
)

// DynamoDB and Secrets Manager are reached in the same way.
func TestEndpointsWithAndWithoutHTTP2(t *testing.T) {
	isolate(t)
	tlstest.TrustOwn()
	variables := map[string]string{"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_LAMBDA_FUNCTION_NAME": "verify"}
	at := func(url string) error {
		configured, err := awssdk.New(with(variables, map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": url}), "DYNAMODB", time.Now)
		require.NoError(t, err)
		defer configured.Close()
		return listTables(t.Context(), client(configured))
	}
	for name, protocols := range map[string][]string{"HTTP/2 and HTTP/1.1": tlstest.Common, "HTTP/1.1 only": {"http/1.1"}, "no ALPN": nil} {
		server := tlstest.Own().Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "HTTP/1.1", r.Proto, name)
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			_, _ = io.WriteString(w, `{"TableNames":[]}`)
		}), protocols...)
		assert.NoError(t, at(server.URL), name)
		server.Close()
	}
	for name, refuse := range map[string]bool{"HTTP/2 only, by ALPN": true, "HTTP/2 only": false} {
		err := at(tlstest.ServeHTTP2Only(t, refuse))
		var obstacle *upstream.Obstacle
		require.ErrorAs(t, err, &obstacle, name)
		assert.Equal(t, "the server speaks HTTP/2 only, and this function HTTP/1.1", obstacle.Sentence(), name)
		assert.NotContains(t, err.Error(), "hush", name)
	}
}
