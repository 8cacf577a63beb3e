package dynamodb_test

import (
	"testing"

	"github.com/go-json-experiment/json"

	"sotercall/internal/dynamodb"
	"sotercall/internal/upstream"
)

// Whatever is answered, only the exception that says so is a condition that does not
// hold: an answer that cannot be read must not become "another was first".
func FuzzRefusal(f *testing.F) {
	for _, seed := range []string{
		`{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed","Item":{"nonce":{"S":"x"}}}`,
		`{"__type":"ConditionalCheckFailedException"}`, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"}`,
		`{"__type":"#"}`, `{"__type":5}`, `{}`, ``, `null`, `<html>`, `{"__type":"ConditionalCheckFailedException","Item":{"a":null,"b":{},"c":{"S":"1","N":"1"}}}`,
	} {
		f.Add(400, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		err := dynamodb.Refused(upstream.Reply{Status: status, Body: body})
		if err == nil {
			t.Fatal("a refusal is an error")
		}
		failed, ok := err.(*dynamodb.ConditionFailed)
		if !ok {
			return
		}
		var said map[string]any
		if json.Unmarshal(body, &said) != nil {
			t.Fatalf("a condition failed, says what cannot be read: %q", body)
		}
		for name := range failed.Item {
			n, isWhole := failed.Item.Uint(name)
			i, isInt := failed.Item.Int(name)
			if !isWhole && n != 0 || !isInt && i != 0 || isWhole && isInt && uint64(i) != n {
				t.Fatalf("%q is %d and %d", name, n, i)
			}
		}
	})
}
