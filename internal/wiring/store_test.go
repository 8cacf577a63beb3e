package wiring

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/function"
	"sotercall/internal/secret"
	"sotercall/internal/store"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/redis"
	"sotercall/internal/test/hosted"
)

var (
	ofLambda = map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "the-key"}
	ofRedis  = map[string]string{"REDIS_URL": "redis://127.0.0.1:6379"}
	ofTable  = map[string]string{"DYNAMODB_TABLE": "sotercall"}
)

func TestStoreIsChosenByItsVariable(t *testing.T) {
	open := func(s storeSettings, environment map[string]string) *store.Store {
		opened, err := stores.open(s, environment, nil)
		require.NoError(t, err)
		return opened
	}
	none := open(storeSettings{}, ofLambda)
	assert.Nil(t, none)

	server := open(storeSettings{RedisURL: secret.New(ofRedis["REDIS_URL"])}, nil)
	assert.IsType(t, new(redis.Tokens), server.Tokens("wx"))
	assert.IsType(t, new(redis.Ledger), server.Ledger)
	assert.IsType(t, new(redis.AuthKeys), server.AuthKeys)

	table := open(storeSettings{DynamoDBTable: "sotercall"}, ofLambda)
	assert.IsType(t, new(dynamodb.Tokens), table.Tokens("wx"))
	assert.IsType(t, new(dynamodb.Ledger), table.Ledger)
	assert.IsType(t, new(dynamodb.AuthKeys), table.AuthKeys)
}

// A variable that a program cannot follow is never ignored.
func TestStoreThatIsNotBuiltInIsRefused(t *testing.T) {
	for variable, settings := range map[string]storeSettings{
		"REDIS_URL":      {RedisURL: secret.New(ofRedis["REDIS_URL"])},
		"DYNAMODB_TABLE": {DynamoDBTable: "sotercall"},
	} {
		for _, opener := range stores {
			opened, err := Openers{opener}.open(settings, ofLambda, nil)
			if opener.Variable == variable {
				require.NoError(t, err, "the twin")
				assert.NotNil(t, opened)
				continue
			}
			require.EqualError(t, err, variable+" cannot be used: this program is built without that store")
		}
	}
}

func TestStoreThatCannotBeUsedIsRefused(t *testing.T) {
	fetching := map[string]string{"WECHAT_APPID": "wx0123456789abcdef", "WECHAT_APPSECRET": "the-secret-of-the-app"}
	for name, function := range map[string]func(map[string]string, *slog.Logger, *slog.LevelVar) (function.Function, error){
		"verify": stores.Verify, "token": stores.Token, "service": stores.Service,
	} {
		told := func(others ...map[string]string) error {
			all := fetching
			for _, other := range others {
				all = hosted.With(all, other)
			}
			_, err := function(all, slog.New(slog.DiscardHandler), new(slog.LevelVar))
			return err
		}
		require.NoError(t, told(ofRedis, ofLambda), name)
		require.NoError(t, told(ofTable, ofLambda), name)
		require.EqualError(t, told(ofTable, ofRedis, ofLambda), "REDIS_URL and DYNAMODB_TABLE name two stores: set one of them", name)
		for variable, value := range map[string]string{
			"DYNAMODB_TABLE": "no table", "AWS_REGION": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
			"AWS_ENDPOINT_URL_DYNAMODB": "http://dynamodb.example.com",
		} {
			err := told(ofTable, ofLambda, map[string]string{variable: value})
			require.ErrorContains(t, err, variable, name)
			assert.NotContains(t, err.Error(), "the-key")
		}
	}
}
