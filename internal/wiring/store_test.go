package wiring

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/authkeys"
	"sotercall/internal/challenge"
	"sotercall/internal/function"
	"sotercall/internal/secret"
	"sotercall/internal/test/hosted"
)

var (
	ofLambda = map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "the-key"}
	ofRedis  = map[string]string{"REDIS_URL": "redis://127.0.0.1:6379"}
	ofTable  = map[string]string{"DYNAMODB_TABLE": "sotercall"}
)

func TestStoreIsChosenByItsVariable(t *testing.T) {
	open := func(s storeSettings, environment map[string]string) *store {
		opened, err := openStore(s, environment, nil)
		require.NoError(t, err)
		return opened
	}
	none := open(storeSettings{}, ofLambda)
	assert.Nil(t, none)

	redis := open(storeSettings{RedisURL: secret.New(ofRedis["REDIS_URL"])}, nil)
	assert.IsType(t, new(accesstoken.Redis), redis.tokens("wx"))
	assert.IsType(t, new(challenge.Redis), redis.ledger)
	assert.IsType(t, new(authkeys.Redis), redis.authKeys)

	table := open(storeSettings{DynamoDBTable: "sotercall"}, ofLambda)
	assert.IsType(t, new(accesstoken.DynamoDB), table.tokens("wx"))
	assert.IsType(t, new(challenge.DynamoDB), table.ledger)
	assert.IsType(t, new(authkeys.DynamoDB), table.authKeys)
}

func TestStoreThatCannotBeUsedIsRefused(t *testing.T) {
	fetching := map[string]string{"WECHAT_APPID": "wx0123456789abcdef", "WECHAT_APPSECRET": "the-secret-of-the-app"}
	for name, function := range map[string]func(map[string]string, *slog.Logger, *slog.LevelVar) (function.Function, error){
		"verify": Verify, "token": Token, "service": Service,
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
