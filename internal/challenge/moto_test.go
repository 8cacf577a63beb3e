package challenge_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sotercall/internal/challenge"
	"sotercall/internal/challenge/ledgertest"
	"sotercall/internal/dynamodb"
	"sotercall/internal/dynamodb/moto"
)

// A second stand-in for DynamoDB, by other authors: what one allows, the other may not.
func TestLedgerKeepsToItsContractOnMoto(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T, instances int) (all []challenge.Ledger) {
		variables := moto.Table(t)
		for range instances {
			table, err := dynamodb.Open(variables["DYNAMODB_TABLE"], variables)
			require.NoError(t, err)
			t.Cleanup(table.Close)
			all = append(all, challenge.NewDynamoDB(table))
		}
		return all
	})
}
