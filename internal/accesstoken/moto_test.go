package accesstoken_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/accesstoken/storetest"
	"sotercall/internal/dynamodb"
	"sotercall/internal/dynamodb/moto"
)

// A second stand-in for DynamoDB, by other authors: what one allows, the other may not.
func TestStoreKeepsToItsContractOnMoto(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func(appid string) accesstoken.Store {
		variables := moto.Table(t)
		return func(appid string) accesstoken.Store {
			table, err := dynamodb.Open(variables["DYNAMODB_TABLE"], variables)
			require.NoError(t, err)
			t.Cleanup(table.Close)
			return accesstoken.NewDynamoDB(table, appid)
		}
	})
}
