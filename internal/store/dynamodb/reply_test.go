package dynamodb_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/dynamodb/dynalite"
)

type replies func(*http.Request) (*http.Response, error)

func (r replies) Do(req *http.Request) (*http.Response, error) { return r(req) }

func replying(t testing.TB, status int, body []byte) *dynamodb.Table {
	t.Helper()
	table, err := dynamodb.Open("table", map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"})
	require.NoError(t, err)
	return table.With(aws.NopRetryer{}, replies(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), Request: req}, nil
	}))
}

// Whatever is replied, only the exception that says so is a condition that does not
// hold: a reply that cannot be read must not become "another was first", nor a write that
// was done.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		`{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed","Item":{"nonce":{"S":"x"}}}`,
		`{"__type":"ConditionalCheckFailedException"}`, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"}`,
		`{"__type":"#"}`, `{"__type":5}`, `{}`, ``, `null`, `<html>`, `[]`, `{"Attributes":{"a":null}}`,
		`{"__type":"ConditionalCheckFailedException","Item":{"a":null,"b":{},"c":{"S":"1","N":"1"}}}`,
	} {
		for _, status := range []int{200, 302, 400, 503} {
			f.Add(status, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		before, err := replying(t, status, body).Update(t.Context(), "key", "SET a = :a", dynamodb.Condition{If: "attribute_not_exists(pk)"})
		failed, isFailed := errors.AsType[*dynamodb.ConditionFailed](err)
		switch {
		case err == nil && (status < 200 || status >= 300):
			t.Fatalf("HTTP status %d is no success", status)
		case err != nil && len(before) > 0:
			t.Fatal("an error comes with nothing else")
		case isFailed && !bytes.Contains(body, []byte("ConditionalCheckFailedException")):
			t.Fatalf("a condition failed, says what does not say so: %q", body)
		case err != nil && !isFailed && len(err.Error()) > 1024:
			t.Fatalf("an error of %d bytes", len(err.Error()))
		case isFailed:
			before = failed.Item
		}
		for name := range before {
			n, isWhole := before.Uint(name)
			i, isInt := before.Int(name)
			if !isWhole && n != 0 || !isInt && i != 0 || isWhole && isInt && uint64(i) != n {
				t.Fatalf("%q is %d and %d", name, n, i)
			}
		}
	})
}

func TestReplyOfAnotherServerIsNoSuccess(t *testing.T) {
	for body, ok := range map[string]bool{`{"Item":{"a":{"N":"1"}}}`: true, `<html>`: false, `{"Item":[]}`: false, `{"Item":{"a":{"N":"1"}}`: false} {
		item, err := replying(t, 200, []byte(body)).Get(t.Context(), "key")
		assert.Equal(t, ok, err == nil, body)
		assert.Equal(t, ok, item != nil, body)
	}
}

// An item may have 400 KB (DynamoDB Developer Guide, "Quotas"): up to there it is read and
// changed, and what would make it larger is refused as such.
func TestItemsMayBeAsLargeAsTheServiceAllows(t *testing.T) {
	server := dynalite.Start(t)
	table := open(t, server)
	for _, size := range []int{70 << 10, 390 << 10} {
		text := strings.Repeat(`"`, size) // two bytes each, in JSON
		require.NoError(t, table.Put(t.Context(), "a", dynamodb.Item{"text": dynamodb.String(text)}, dynamodb.Condition{If: "attribute_not_exists(nothing)"}))
		item, err := table.Get(t.Context(), "a")
		require.NoError(t, err)
		got, _ := item.Text("text")
		require.Equal(t, size, len(got))
		before, err := table.Update(t.Context(), "a", "SET more = :more", dynamodb.Condition{
			If: "attribute_exists(pk)", Values: dynamodb.Item{":more": dynamodb.String("x")}})
		require.NoError(t, err)
		assert.Contains(t, before, "text")
	}
	_, err := table.Update(t.Context(), "a", "SET more = :more", dynamodb.Condition{
		If: "attribute_exists(pk)", Values: dynamodb.Item{":more": dynamodb.String(strings.Repeat("x", 20<<10))}})
	assert.ErrorIs(t, err, dynamodb.ErrFull)
}

// What no request can get past is known until one does.
func TestTableThatCannotWorkIsHopeless(t *testing.T) {
	server := dynalite.Start(t)
	table := open(t, server)
	for code, hopeless := range map[string]bool{
		"ResourceNotFoundException": true, "UnrecognizedClientException": true, "ExpiredTokenException": true,
		"AccessDeniedException": false, "ThrottlingException": false, "InternalServerError": false, "": false,
	} {
		server.Break(dynalite.Fault{Code: code, Cut: code == ""})
		_, err := table.Get(t.Context(), "a")
		require.Error(t, err)
		assert.Equal(t, hopeless, table.Hopeless() != nil, code)
		server.Mend()
		_, err = table.Get(t.Context(), "a")
		require.NoError(t, err)
		assert.NoError(t, table.Hopeless())
	}
}
