package accesstoken

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/store/dynamodb/dynalite"
)

// An instance that starts finds the token with one request, which writes nothing.
func TestDynamoDBIsAskedOnceByAnInstanceThatStarts(t *testing.T) {
	server, w := dynalite.Start(t), newWechat()
	server.Requests()
	require.NoError(t, w.call(t.Context(), w.cache(openDynamoDB(t, server))))
	w.requireFetches(t, 1, 0)
	assert.Equal(t, []string{"GetItem", "PutItem", "GetItem", "PutItem"}, server.Requests(), "for a fetch: two before it, and two to save")
	late := w.cache(openDynamoDB(t, server))
	assert.Zero(t, w.calls(t, 20, late))
	w.requireFetches(t, 0, 0)
	assert.Equal(t, []string{"GetItem"}, server.Requests())
}

// A role that may read and not write, as verify's beside a token function: the token
// that stands there is used. A table that is gone leaves each with its own memory.
func TestDynamoDBThatTakesNoWritesIsRead(t *testing.T) {
	server, w := dynalite.Start(t), newWechat()
	require.NoError(t, w.call(t.Context(), w.cache(openDynamoDB(t, server))))
	w.requireFetches(t, 1, 0)
	server.Break(dynalite.Fault{Action: "PutItem", Code: "AccessDeniedException"})
	readers := fleet(w, func() Store { return openDynamoDB(t, server) })
	assert.Zero(t, w.calls(t, 10, readers...))
	w.requireFetches(t, 0, 0)

	server.Break(dynalite.Fault{Code: "ResourceNotFoundException"})
	assert.Zero(t, w.calls(t, 10, fleet(w, func() Store { return openDynamoDB(t, server) })...))
	w.requireFetches(t, instances, 0)
}
