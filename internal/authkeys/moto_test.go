package authkeys_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/authkeys/storetest"
	"sotercall/internal/dynamodb"
	"sotercall/internal/dynamodb/moto"
)

// A second stand-in for DynamoDB, by other authors: what one allows, the other may not.
func TestStoreKeepsToItsContractOnMoto(t *testing.T) {
	storetest.Run(t, func(t *testing.T) authkeys.Store {
		variables := moto.Table(t)
		table, err := dynamodb.Open(variables["DYNAMODB_TABLE"], variables)
		require.NoError(t, err)
		t.Cleanup(table.Close)
		return authkeys.NewDynamoDB(table)
	})
}
