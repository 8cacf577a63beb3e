package sotercall_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall"
	"sotercall/dynamodbstore"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/store/redis/redistest"
	"sotercall/redisstore"
	"sotercall/sotercalltest"
)

// counted makes a Config count its requests to WeChat and the token server.
func counted(t *testing.T, c *sotercall.Config) *counting {
	standard := &http.Transport{}
	t.Cleanup(standard.CloseIdleConnections)
	transport := &counting{next: standard}
	c.Transport = transport
	return transport
}

// What Prepare has done, the first call need not do.
func TestPreparedServiceOnlyVerifies(t *testing.T) {
	for name, test := range map[string]struct {
		apps             []sotercall.App
		prepare, firstly int64 // the requests of Prepare and of the first call
	}{
		"one app":      {nil, 1, 1},     // the token, on the connection of the call
		"several apps": {twoApps, 1, 2}, // a connection; then the app's token
	} {
		t.Run(name, func(t *testing.T) {
			var sent *counting
			service, wechat := open(t, func(c *sotercall.Config) { sent = counted(t, c) }, test.apps...)
			r := wechat.Phone(alice).Sign(issue(t, service, sotercall.ChallengeRequest{AppID: wechat.Config().Apps[0].AppID, OpenID: alice}))
			assert.Zero(t, sent.requests.Load(), "nothing is sent before Prepare")
			for range 2 {
				require.NoError(t, service.Prepare(t.Context()))
				assert.Equal(t, test.prepare, sent.requests.Load(), "the second Prepare has nothing to do")
			}
			_, err := service.Verify(t.Context(), r)
			require.NoError(t, err)
			assert.Equal(t, test.prepare+test.firstly, sent.requests.Load())
		})
	}
}

func TestPrepareReturnsWhyCallsWouldFail(t *testing.T) {
	for name, test := range map[string]struct {
		is        sotercalltest.Fault
		apps      []sotercall.App
		code      int
		temporary bool
	}{
		"down":               {sotercalltest.Down, nil, sotercall.CodeSystem, true},
		"down, several apps": {sotercalltest.Down, twoApps, sotercall.CodeSystem, true},
		"busy":               {sotercalltest.Busy, nil, -1, true},
	} {
		t.Run(name, func(t *testing.T) {
			service, wechat := open(t, nil, test.apps...)
			wechat.Fail(test.is)
			err := service.Prepare(t.Context())
			assert.Equal(t, test.temporary, requireError(t, test.code, nil, err).Temporary)
			wechat.Recover()
			require.NoError(t, service.Prepare(t.Context()), "the next one tries again")
		})
	}
	service, _ := open(t, func(c *sotercall.Config) { c.Apps[0].AppSecret = "not-the-secret-of-this-app" })
	assert.False(t, requireError(t, 40125, nil, service.Prepare(t.Context())).Temporary)
}

func TestPrepareEndsWithItsContextAndTheService(t *testing.T) {
	service, wechat := open(t, nil)
	wechat.Fail(sotercalltest.Silent)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := service.Prepare(ctx)
	requireError(t, sotercall.CodeTimeout, nil, err)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, service.Close())
	assert.Contains(t, requireError(t, sotercall.CodeSystem, nil, service.Prepare(t.Context())).Message, "the service is closed")
}

func TestPrepareConnectsToTheStore(t *testing.T) {
	server := redistest.Start(t)
	url := server.URL.Reveal()
	at := func(url string) func(c *sotercall.Config) {
		return func(c *sotercall.Config) { c.Store = redisstore.New(url) }
	}
	service, _ := open(t, at(strings.Replace(url, redistest.Password, "hidden", 1)))
	err := service.Prepare(t.Context())
	failed := requireError(t, sotercall.CodeSystem, nil, err)
	assert.Contains(t, failed.Message, "Store (redisstore.New): the server refuses the user or the password")
	assert.False(t, failed.Temporary, "until the program sets another one")
	assert.NotContains(t, err.Error(), "hidden")

	service, _ = open(t, at(url))
	server.Kill()
	failed = requireError(t, sotercall.CodeSystem, nil, service.Prepare(t.Context()))
	assert.Contains(t, failed.Message, "the store could not be used")
	assert.True(t, failed.Temporary)
	server.Run()
	require.NoError(t, service.Prepare(t.Context()), "the twin")
}

func TestPrepareConnectsToATable(t *testing.T) {
	table := dynalite.Start(t)
	for name, value := range table.Environment() {
		t.Setenv(name, value)
	}
	service, _ := open(t, func(c *sotercall.Config) { c.Store = dynamodbstore.New(table.Name) })
	table.Break(dynalite.Fault{Code: "ThrottlingException"})
	failed := requireError(t, sotercall.CodeSystem, nil, service.Prepare(t.Context()))
	assert.Contains(t, failed.Message, "the store could not be used")
	// A role may have been granted the consumed challenges and not the tokens.
	table.Break(dynalite.Fault{Code: "AccessDeniedException"})
	require.NoError(t, service.Prepare(t.Context()))
}

// Nothing must be sent to the open API service of Cloud Hosting while a container starts.
func TestPrepareSendsNothingToTheOpenAPIService(t *testing.T) {
	var sent *counting
	service, _ := open(t, func(c *sotercall.Config) {
		sent = counted(t, c)
		c.OpenAPIService, c.Apps = true, nil
	})
	require.NoError(t, service.Prepare(t.Context()))
	assert.Zero(t, sent.requests.Load())
}
