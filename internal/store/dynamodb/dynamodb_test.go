package dynamodb_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/dynamodb/dynalite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, server *dynalite.Table) *dynamodb.Table {
	t.Helper()
	table, err := dynamodb.Open(server.Name, server.Environment())
	require.NoError(t, err)
	t.Cleanup(table.Close)
	server.Requests() // those of its making
	return table
}

// absent is a condition under which a key is written once.
var absent = dynamodb.Condition{If: "attribute_not_exists(pk)"}

func TestItemsAreKeptUnderTheirKeys(t *testing.T) {
	server := dynalite.Start(t)
	table := open(t, server)
	got, err := table.Get(t.Context(), "a")
	require.NoError(t, err)
	assert.Nil(t, got)

	item := dynamodb.Item{
		"text": dynamodb.String("ñ\x00😀"), "empty": dynamodb.String(""), "a b.c": dynamodb.String("any name"), "select": dynamodb.String("a reserved word"),
		"most": dynamodb.Number(uint64(math.MaxUint64)), "least": dynamodb.Number(int64(math.MinInt64)),
	}
	require.NoError(t, table.Put(t.Context(), "a", item, absent))
	assert.NotContains(t, item, "pk", "the caller's item stays as it is")
	got, err = open(t, server).Get(t.Context(), "a")
	require.NoError(t, err)
	text, ok := got.Text("text")
	assert.True(t, ok)
	assert.Equal(t, "ñ\x00😀", text)
	most, ok := got.Uint("most")
	assert.True(t, ok)
	assert.EqualValues(t, uint64(math.MaxUint64), most)
	least, ok := got.Int("least")
	assert.True(t, ok)
	assert.EqualValues(t, math.MinInt64, least)

	got, err = table.Get(t.Context(), "a", "a b.c", "select", "absent")
	require.NoError(t, err)
	assert.Len(t, got, 2)
	other, err := table.Get(t.Context(), "A")
	require.NoError(t, err)
	assert.Nil(t, other)
}

func TestAttributeOfAnotherKindIsNone(t *testing.T) {
	item := dynamodb.Item{"text": dynamodb.String("7"), "number": dynamodb.Number(int64(7)), "negative": dynamodb.Number(int64(-7))}
	for _, name := range []string{"text", "absent"} {
		_, ok := item.Uint(name)
		assert.False(t, ok, name)
		_, ok = item.Int(name)
		assert.False(t, ok, name)
	}
	for _, name := range []string{"number", "absent"} {
		text, ok := item.Text(name)
		assert.False(t, ok, name)
		assert.Empty(t, text)
	}
	_, ok := item.Uint("negative")
	assert.False(t, ok)
	n, ok := item.Uint("number")
	assert.True(t, ok, "the twin")
	assert.EqualValues(t, 7, n)
}

func TestNothingEndsTooEarly(t *testing.T) {
	for end, seconds := range map[time.Time]int64{
		time.Unix(100, 0): 100, time.Unix(100, 1): 101, time.Unix(100, 999_999_999): 101, time.Unix(101, 0): 101,
	} {
		got, _ := dynamodb.Item{"expires": dynamodb.Until(end)}.Int("expires")
		assert.Equal(t, seconds, got, end)
	}
}

// A write whose condition does not hold is told what is there, in one request where
// the server says so, as DynamoDB does.
func TestConditionThatDoesNotHold(t *testing.T) {
	for _, tells := range []bool{true, false} {
		t.Run(fmt.Sprint("the server tells the item: ", tells), func(t *testing.T) {
			server := dynalite.Start(t)
			if !tells {
				server.WithoutItems()
			}
			table := open(t, server)
			raise := func(key string, to int64) (dynamodb.Item, error) {
				return table.Update(t.Context(), key, "SET #n = :n", dynamodb.Condition{
					If: "attribute_not_exists(#n) OR #n < :n", Names: map[string]string{"#n": "n"}, Values: dynamodb.Item{":n": dynamodb.Number(to)},
				})
			}
			before, err := raise("a", 5)
			require.NoError(t, err)
			assert.Nil(t, before)
			before, err = raise("a", 6)
			require.NoError(t, err)
			n, _ := before.Int("n")
			assert.EqualValues(t, 5, n)
			require.Equal(t, []string{"UpdateItem", "UpdateItem"}, server.Requests())

			_, updating := raise("a", 6)
			putting := table.Put(t.Context(), "a", dynamodb.Item{"n": dynamodb.Number(int64(1))}, absent)
			for _, err := range []error{updating, putting} {
				var failed *dynamodb.ConditionFailed
				require.ErrorAs(t, err, &failed)
				n, _ = failed.Item.Int("n")
				assert.EqualValues(t, 6, n, "nothing was written")
			}
			err = table.Put(t.Context(), "b", dynamodb.Item{}, dynamodb.Condition{If: "attribute_exists(pk)"})
			var failed *dynamodb.ConditionFailed
			require.ErrorAs(t, err, &failed)
			assert.Nil(t, failed.Item, "there is none")
			if tells {
				assert.Equal(t, []string{"UpdateItem", "PutItem", "PutItem", "GetItem"}, server.Requests())
			} else {
				assert.Equal(t, []string{"UpdateItem", "GetItem", "PutItem", "GetItem", "PutItem", "GetItem"}, server.Requests())
			}
		})
	}
}

func TestWhatCannotWorkIsRefused(t *testing.T) {
	const key = "s3cret-access-key"
	good := map[string]string{"AWS_REGION": "cn-north-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": key}
	for name, c := range map[string]struct {
		table    string
		variable string
		value    string
		says     string
	}{
		"no table":                {"", "", "", "must be the name of a table"},
		"a short name":            {"ab", "", "", "must be the name of a table"},
		"a path":                  {"../x", "", "", "must be the name of a table"},
		"no region":               {"table", "AWS_REGION", "", "AWS_REGION"},
		"a region with a host":    {"table", "AWS_REGION", "x.example.com/", "AWS_REGION"},
		"no id":                   {"table", "AWS_ACCESS_KEY_ID", "", "AWS_ACCESS_KEY_ID"},
		"no key":                  {"table", "AWS_SECRET_ACCESS_KEY", "", "AWS_SECRET_ACCESS_KEY"},
		"in the clear":            {"table", "AWS_ENDPOINT_URL_DYNAMODB", "http://dynamodb.example.com", "AWS_ENDPOINT_URL_DYNAMODB"},
		"a password":              {"table", "AWS_ENDPOINT_URL_DYNAMODB", "https://u:" + key + "@example.com", "AWS_ENDPOINT_URL_DYNAMODB"},
		"a host without scheme":   {"table", "AWS_ENDPOINT_URL_DYNAMODB", "dynamodb.example.com", "AWS_ENDPOINT_URL_DYNAMODB"},
		"a scheme of its own":     {"table", "AWS_ENDPOINT_URL_DYNAMODB", "ftp://127.0.0.1", "AWS_ENDPOINT_URL_DYNAMODB"},
		"an address with a query": {"table", "AWS_ENDPOINT_URL_DYNAMODB", "https://example.com/?x=1", "AWS_ENDPOINT_URL_DYNAMODB"},
	} {
		environment := map[string]string{}
		for n, v := range good {
			environment[n] = v
		}
		if c.variable != "" {
			environment[c.variable] = c.value
		}
		table, err := dynamodb.Open(c.table, environment)
		assert.Nil(t, table, name)
		if assert.ErrorContains(t, err, c.says, name) {
			assert.NotContains(t, err.Error(), key, name)
		}
	}
	for _, endpoint := range []string{"", "https://vpce-1.dynamodb.cn-north-1.vpce.amazonaws.com.cn", "http://127.0.0.1:8000", "http://localhost:8000"} {
		good["AWS_ENDPOINT_URL_DYNAMODB"] = endpoint
		_, err := dynamodb.Open("table", good)
		assert.NoError(t, err, endpoint)
	}
}

// The table is reached with what Lambda sets, signed.
func TestRequestsAreSigned(t *testing.T) {
	server := dynalite.Start(t)
	table := open(t, server)
	_, err := table.Get(t.Context(), "a")
	require.NoError(t, err)
	header := server.LastHeader()
	authorization := header.Get("Authorization")
	assert.Contains(t, authorization, "AWS4-HMAC-SHA256 Credential="+dynalite.AccessKey+"/")
	assert.Contains(t, authorization, "/"+dynalite.Region+"/dynamodb/aws4_request")
	assert.Contains(t, authorization, "x-amz-security-token")
	assert.Equal(t, dynalite.Session, header.Get("X-Amz-Security-Token"))
	assert.NotContains(t, fmt.Sprint(header), dynalite.SecretKey)
	assert.NotContains(t, fmt.Sprintf("%+v", table), dynalite.SecretKey, "nor is it printed")
}
