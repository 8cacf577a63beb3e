package awssdk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/upstream/awssdk"
)

// isolate keeps the SDK from the files of this computer's user, and from EC2's address.
func isolate(t *testing.T) {
	t.Helper()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func client(c *awssdk.Service, others ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.NewFromConfig(c.Config, append([]func(*dynamodb.Options){func(o *dynamodb.Options) {
		o.BaseEndpoint = c.Config.BaseEndpoint
		o.EndpointOptions.UseFIPSEndpoint, o.EndpointOptions.UseDualStackEndpoint = c.FIPS, c.DualStack
	}}, others...)...)
}

func listTables(ctx context.Context, c *dynamodb.Client) error {
	_, err := c.ListTables(ctx, new(dynamodb.ListTablesInput))
	return err
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

// What the variables say of the address is read as the SDK reads it.
func TestEndpoints(t *testing.T) {
	isolate(t)
	onLambda := map[string]string{"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_LAMBDA_FUNCTION_NAME": "verify"}
	for want, variables := range map[string]map[string]string{
		"https://dynamodb.us-east-1.amazonaws.com":       {},
		"https://dynamodb.cn-north-1.amazonaws.com.cn":   {"AWS_REGION": "cn-north-1"},
		"https://dynamodb-fips.us-east-1.amazonaws.com":  {"AWS_USE_FIPS_ENDPOINT": "true"},
		"https://dynamodb.us-east-1.api.aws":             {"AWS_USE_DUALSTACK_ENDPOINT": "TRUE", "AWS_USE_FIPS_ENDPOINT": "false"},
		"https://vpce-1.dynamodb.us-east-1.vpce.example": {"AWS_ENDPOINT_URL_DYNAMODB": "https://vpce-1.dynamodb.us-east-1.vpce.example", "AWS_ENDPOINT_URL": "https://other.example"},
		"https://other.example":                          {"AWS_ENDPOINT_URL": "https://other.example", "AWS_ENDPOINT_URL_S3": "https://s3.example"},
		"https://dynamodb.eu-central-1.amazonaws.com":    {"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": "https://other.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
		"http://127.0.0.1:8000":                          {"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8000"},
		"http://host.docker.internal:8000":               {"AWS_ENDPOINT_URL_DYNAMODB": "http://host.docker.internal:8000"},
	} {
		configured, err := awssdk.New(with(onLambda, variables), "DYNAMODB", time.Now)
		require.NoError(t, err, want)
		var asked string
		_ = listTables(t.Context(), client(configured, func(o *dynamodb.Options) {
			o.Retryer = aws.NopRetryer{}
			o.HTTPClient = doer(func(r *http.Request) (*http.Response, error) {
				asked = r.URL.Scheme + "://" + r.URL.Host
				return nil, errors.New("enough")
			})
		}))
		assert.Equal(t, want, asked)
	}
	for says, variables := range map[string]map[string]string{
		"AWS_USE_FIPS_ENDPOINT must be true or false":                  {"AWS_USE_FIPS_ENDPOINT": "yes"},
		"AWS_ENDPOINT_URL_DYNAMODB must be an https address":           {"AWS_ENDPOINT_URL_DYNAMODB": "http://10.0.0.1"},
		"AWS_ENDPOINT_URL must be an https address":                    {"AWS_ENDPOINT_URL": "http://dynamodb.example"},
		"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set": {"AWS_SECRET_ACCESS_KEY": ""},
	} {
		_, err := awssdk.New(with(onLambda, variables), "DYNAMODB", time.Now)
		assert.ErrorContains(t, err, says)
	}
	none := with(onLambda, map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
	_, err := awssdk.New(none, "DYNAMODB", time.Now)
	assert.ErrorContains(t, err, "not both set", "Lambda sets them")
	delete(none, "AWS_LAMBDA_FUNCTION_NAME")
	_, err = awssdk.New(none, "DYNAMODB", time.Now)
	assert.NoError(t, err, "the twin: elsewhere the default chain finds them")
}

func with(variables, others map[string]string) map[string]string {
	all := map[string]string{}
	for _, some := range []map[string]string{variables, others} {
		for name, value := range some {
			all[name] = value
		}
	}
	return all
}

// role is the endpoint of ECS for the credentials of a task: each request gets new ones,
// and a server takes the last two.
type role struct {
	life time.Duration

	mu    sync.Mutex
	given int // guarded by mu
}

func (r *role) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.given++
	_ = json.MarshalWrite(w, map[string]string{
		"AccessKeyId": fmt.Sprintf("AKID%d", r.given), "SecretAccessKey": "key", "Token": "session",
		"Expiration": time.Now().Add(r.life).UTC().Format(time.RFC3339),
	})
}

var accessKey = regexp.MustCompile(`Credential=AKID(\d+)/`)

func (r *role) takes(authorization string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	match := accessKey.FindStringSubmatch(authorization)
	return match != nil && (match[1] == fmt.Sprint(r.given) || match[1] == fmt.Sprint(r.given-1))
}

func (r *role) asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.given
}

// Credentials of a container's role are renewed before they end, and no request is signed
// with those that have ended.
func TestCredentialsOfAContainerAreRenewed(t *testing.T) {
	for _, c := range []struct {
		name  string
		life  time.Duration
		asked func(n int) bool
	}{
		{"for an hour", time.Hour, func(n int) bool { return n == 1 }},
		{"about to end", 2 * time.Minute, func(n int) bool { return n > 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			isolate(t)
			ecs := &role{life: c.life}
			credentials := httptest.NewServer(ecs)
			defer credentials.Close()
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", credentials.URL+"/v2/credentials")
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !ecs.takes(r.Header.Get("Authorization")) {
					w.WriteHeader(http.StatusBadRequest)
					_, _ = io.WriteString(w, `{"__type":"ExpiredTokenException"}`)
					return
				}
				_, _ = io.WriteString(w, `{"TableNames":[]}`)
			}))
			defer server.Close()
			configured, err := awssdk.New(map[string]string{"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL_DYNAMODB": server.URL}, "DYNAMODB", time.Now)
			require.NoError(t, err)
			defer configured.Close()
			for range 20 {
				require.NoError(t, listTables(t.Context(), client(configured)))
			}
			assert.True(t, c.asked(ecs.asked()), "%d", ecs.asked())
		})
	}
}

// A server in trouble is asked three times, one that is silent more often: whether it has
// done what was asked, only a reply tells.
func TestAttempts(t *testing.T) {
	isolate(t)
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		asked  int
	}{
		"refused for now":  {func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, 3},
		"refused for good": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest) }, 1},
		"no reply":         {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 10},
		"half a reply": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
			panic(http.ErrAbortHandler)
		}, 10},
		"a reply that is too long": {func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 1<<20+1)) }, 3},
		"no reply of AWS's":        {func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>") }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				c.answer(w)
			}))
			configured, err := awssdk.New(map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key",
				"AWS_ENDPOINT_URL_DYNAMODB": server.URL}, "DYNAMODB", time.Now)
			require.NoError(t, err)
			err = listTables(t.Context(), client(configured))
			require.Error(t, err)
			assert.NotEmpty(t, awssdk.Words(t.Context(), err, nil))
			server.Close() // waits for the handlers
			assert.Equal(t, c.asked, asked)
		})
	}
}
