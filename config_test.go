package sotercall_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall"
	"sotercall/dynamodbstore"
	"sotercall/redisstore"
	"sotercall/sotercalltest"
)

// Each row breaks one field of a Config that works, and its error names the field.
func TestConfigThatCannotWorkIsRefusedByItsField(t *testing.T) {
	wechat := sotercalltest.NewServer()
	t.Cleanup(wechat.Close)
	const secret = "hidden-hidden-hidden-hidden-hidden"
	for name, test := range map[string]struct {
		change func(c *sotercall.Config)
		says   string
	}{
		"the twin":            {func(*sotercall.Config) {}, ""},
		"no app":              {func(c *sotercall.Config) { c.Apps = nil }, "Apps must hold an app"},
		"AppID":               {func(c *sotercall.Config) { c.Apps[0].AppID = "wxABC" }, "Apps[0].AppID must be an AppID"},
		"AppSecret":           {func(c *sotercall.Config) { c.Apps[0].AppSecret = "" }, "Apps[0].AppSecret must be set"},
		"an app twice":        {func(c *sotercall.Config) { c.Apps = append(c.Apps, c.Apps[0]) }, "Apps[1].AppID must not be that of an app before it"},
		"short secret":        {func(c *sotercall.Config) { c.ChallengeSecrets = append(c.ChallengeSecrets, "hidden") }, "ChallengeSecrets[1] must be at least 32 bytes"},
		"shared secret":       {func(c *sotercall.Config) { c.Apps[0].AppSecret = secret; c.ChallengeSecrets = []string{secret} }, "ChallengeSecrets must not hold a secret of an app"},
		"shared token":        {func(c *sotercall.Config) { c.Auth.BearerTokens = c.ChallengeSecrets }, "Auth.BearerTokens must not hold a secret of ChallengeSecrets"},
		"TTL":                 {func(c *sotercall.Config) { c.ChallengeTTL = 2 * time.Hour }, "ChallengeTTL must be from 1s to 1h0m0s"},
		"negative TTL":        {func(c *sotercall.Config) { c.ChallengeTTL = -time.Minute }, "ChallengeTTL must be from"},
		"purpose":             {func(c *sotercall.Config) { c.RequirePurpose, c.ChallengeSecrets = true, nil }, "RequirePurpose needs ChallengeSecrets"},
		"counter":             {func(c *sotercall.Config) { c.EnforceCounter = true }, "EnforceCounter needs a Store"},
		"short token":         {func(c *sotercall.Config) { c.Auth.BearerTokens = []string{"hidden"} }, "Auth.BearerTokens[0] must be at least 16 bytes"},
		"two ways in":         {func(c *sotercall.Config) { c.Auth.TrustEveryRequest = true }, "Auth.TrustEveryRequest must be the only field"},
		"cleartext":           {func(c *sotercall.Config) { c.APIBases = []string{"http://10.1.2.3"} }, "APIBases must be an https address (http only to this machine, or to a host that CleartextHosts names)"},
		"token server":        {func(c *sotercall.Config) { c.TokenServer = "http://10.1.2.3" }, "TokenServer must be an https address"},
		"cleartext hosts":     {func(c *sotercall.Config) { c.CleartextHosts = []string{"api.weixin.qq.com"} }, "CleartextHosts must not hold a host of WeChat's"},
		"apps of a container": {func(c *sotercall.Config) { c.OpenAPIService = true }, "Apps must be empty with OpenAPIService"},
		"public secrets":      {func(c *sotercall.Config) { c.APIBases, c.ChallengeSecrets, c.Auth = nil, nil, sotercall.Auth{} }, "Apps must not hold a credential of the sandbox"},
		"redis":               {func(c *sotercall.Config) { c.Store = redisstore.New("http://hidden") }, "sotercall: Store (redisstore.New) is not an address of the form redis://"},
		"no redis":            {func(c *sotercall.Config) { c.Store = redisstore.New("") }, "sotercall: Store (redisstore.New) is empty"},
		"dynamodb":            {func(c *sotercall.Config) { c.Store = dynamodbstore.New("no table") }, "sotercall: Store (dynamodbstore.New) must be the name of a table"},
	} {
		t.Run(name, func(t *testing.T) {
			config := wechat.Config()
			test.change(&config)
			service, err := sotercall.Open(config)
			if test.says == "" {
				require.NoError(t, err)
				require.NoError(t, service.Close())
				return
			}
			require.ErrorContains(t, err, "sotercall: ")
			assert.Nil(t, service)
			assert.ErrorContains(t, err, test.says)
			assert.NotContains(t, err.Error(), "hidden")
			assert.NotContains(t, strings.TrimPrefix(err.Error(), "sotercall: "), ";", "one thing is wrong")
		})
	}
}
