package dynamodb

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Attributes that every item has, or may have.
const (
	keyAttribute = "pk"
	// Expires is the attribute that DynamoDB deletes an item by: seconds since 1970.
	Expires = "expires"
)

// Value is the value of an attribute.
type Value = types.AttributeValue

// Item holds the attributes of an item, or the values of an expression, by name. nil means
// no item.
type Item map[string]Value

// String returns a text value.
func String(s string) Value { return &types.AttributeValueMemberS{Value: s} }

// Number returns a whole number. DynamoDB keeps 38 digits, so every one is exact.
func Number[N int64 | uint64](n N) Value {
	text := strconv.FormatUint(uint64(n), 10)
	if n < 0 {
		text = strconv.FormatInt(int64(n), 10)
	}
	return &types.AttributeValueMemberN{Value: text}
}

// Until returns the value of [Expires] for an item that must exist until a time. It is
// rounded up, so that nothing is forgotten too early.
func Until(t time.Time) Value { return Number(t.Add(time.Second - 1).Unix()) }

// Text returns an attribute that is a text; otherwise "" and false.
func (i Item) Text(name string) (string, bool) {
	if v, ok := i[name].(*types.AttributeValueMemberS); ok {
		return v.Value, true
	}
	return "", false
}

// Uint returns an attribute that is a whole number, 0 to 2^64-1; otherwise 0 and
// false.
func (i Item) Uint(name string) (uint64, bool) {
	n, err := strconv.ParseUint(i.digits(name), 10, 64)
	if err != nil {
		return 0, false
	}
	return n, true
}

// Int returns an attribute that is a whole number, -2^63 to 2^63-1; otherwise 0 and
// false.
func (i Item) Int(name string) (int64, bool) {
	n, err := strconv.ParseInt(i.digits(name), 10, 64)
	if err != nil {
		return 0, false
	}
	return n, true
}

func (i Item) digits(name string) string {
	if v, ok := i[name].(*types.AttributeValueMemberN); ok {
		return v.Value
	}
	return ""
}
