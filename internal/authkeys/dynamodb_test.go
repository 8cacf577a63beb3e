package authkeys_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/authkeys/storetest"
	"sotercall/internal/openapi"
	"sotercall/internal/soter"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/dynamodb/dynalite"
)

const itemOfU = "sotercall:authkeys:u"

func TestDynamoDBKeepsWhatItsCommentSays(t *testing.T) {
	server := dynalite.Start(t)
	keys := dynamodb.NewAuthKeys(openTable(t, server))
	require.NoError(t, authkeys.Enroll(t.Context(), keys, newPhone(t).enrolment(t)))
	items := server.Items()
	require.Len(t, items, 1)
	item := items["sotercall:authkeys:"+user]
	require.Len(t, item, 2, "it never expires")
	assert.Equal(t, map[string]any{"N": "240"}, item["counter "+cpuID])
	assert.JSONEq(t, `{"openid":"`+user+`","cpu_id":"`+cpuID+`","uid":"10115","counter":240,"rsa_pss_saltlen":20,"pub_key":`+
		quote(t, pemText(t, authKey()))+`}`, item["key "+cpuID+" 10115"].(map[string]any)["S"].(string))
}

func TestDynamoDBForgetsAtOnce(t *testing.T) {
	server := dynalite.Start(t)
	keys, p := dynamodb.NewAuthKeys(openTable(t, server)), newPhone(t)
	require.NoError(t, authkeys.Enroll(t.Context(), keys, p.enrolment(t)))
	v := authkeys.NewVerifier(keys)
	server.Requests()
	requireGenuine(t, v, p.answer(t, 241))
	assert.Equal(t, []string{"GetItem"}, server.Requests())
	server.Delete("sotercall:authkeys:" + user)
	requireWrong(t, v, p.answer(t, 242), "no AuthKey is enrolled")
}

func TestDynamoDBAnswersNothingFromAnEntryThatIsNotOurs(t *testing.T) {
	server := dynalite.Start(t)
	keys := dynamodb.NewAuthKeys(openTable(t, server))
	good := storetest.Key("u", "c", "1", 5)
	require.NoError(t, keys.Put(t.Context(), good))
	ours := server.Items()[itemOfU]
	content := ours["key c 1"].(map[string]any)["S"].(string)
	for name, value := range map[string]map[string]any{
		"no JSON":         {"S": "junk"},
		"incomplete":      {"S": "{}"},
		"an unknown name": {"S": content[:len(content)-1] + `,"x":1}`},
		"another type":    {"N": "5"},
	} {
		server.Put(itemOfU, map[string]any{"key c 1": value})
		got, err := keys.Find(t.Context(), good.ID)
		require.ErrorContains(t, err, "finding an AuthKey: the entry ", name)
		require.NotErrorIs(t, err, authkeys.ErrNotEnrolled, name)
		require.Zero(t, got, name)
	}
	server.Put(itemOfU, ours)
	storetest.RequireKept(t, keys, good)
}

func TestDynamoDBReplacesNothingWhoseCounterItCannotRead(t *testing.T) {
	server := dynalite.Start(t)
	keys := dynamodb.NewAuthKeys(openTable(t, server))
	for _, broken := range []map[string]any{{"S": "7"}, {"S": ""}, {"N": "18446744073709551616"}, {"BOOL": true}} {
		server.Put(itemOfU, map[string]any{"counter c": broken})
		err := keys.Put(t.Context(), storetest.Key("u", "c", "1", 1<<63))
		require.ErrorContains(t, err, "the stored counter is not a counter", broken)
		require.NotErrorIs(t, err, soter.ErrMismatch)
	}
	server.Put(itemOfU, map[string]any{"counter c": map[string]any{"N": "7"}})
	require.NoError(t, keys.Put(t.Context(), storetest.Key("u", "c", "1", 8)), "the twin")
}

func TestDynamoDBThatLosesRepliesCostsNothing(t *testing.T) {
	server := dynalite.Start(t)
	keys := dynamodb.NewAuthKeys(openTable(t, server))
	for counter := range uint64(5) {
		server.Break(dynalite.Fault{Done: true, Cut: true, Times: 1})
		require.NoError(t, keys.Put(t.Context(), storetest.Key("u", "c", "1", counter+1)))
		server.Break(dynalite.Fault{Cut: true, Times: 1})
		storetest.RequireKept(t, keys, storetest.Key("u", "c", "1", counter+1))
	}
	server.Break(dynalite.Fault{Done: true, Cut: true, Times: 1})
	highest := storetest.Key("u", "c", "2", math.MaxUint64)
	require.NoError(t, keys.Put(t.Context(), highest))
	storetest.RequireKept(t, keys, highest)
}

func TestDynamoDBThatFailsIsNoWrongSignature(t *testing.T) {
	server := dynalite.Start(t)
	keys := dynamodb.NewAuthKeys(openTable(t, server))
	p, v := newHuaweiPhone(t), authkeys.NewVerifier(keys)
	require.NoError(t, authkeys.Enroll(t.Context(), keys, p.enrolment(t)))
	requireGenuine(t, v, p.answer(t, 241))
	for says, fault := range map[string]dynalite.Fault{
		"access denied": {Code: "AccessDeniedException"}, "there is no table": {Code: "ResourceNotFoundException"},
		"throttled": {Code: "ThrottlingException"}, "cannot be reached": {Cut: true}, "no answer in time": {},
	} {
		server.Break(fault)
		requireCode(t, v, p.answer(t, 242), openapi.CodeSystem)
		_, err := keys.Find(t.Context(), authkeys.ID{OpenID: user, CPUID: cpuID, UID: uid})
		require.ErrorContains(t, err, says)
		require.NotErrorIs(t, err, authkeys.ErrNotEnrolled)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.Verify(ctx, p.answer(t, 242))
	var e *openapi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, openapi.CodeTimeout, e.Code)
	server.Mend()
	requireGenuine(t, v, p.answer(t, 242))
}
