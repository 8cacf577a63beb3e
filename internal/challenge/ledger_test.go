package challenge_test

import (
	"testing"

	"sotercall/internal/challenge"
	"sotercall/internal/challenge/ledgertest"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/store/redis"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/moto"
	"sotercall/internal/test/need"
)

// ledgers are all kinds of Ledger there are.
var ledgers = map[string]ledgertest.Open{
	"Memory": func(_ *testing.T, instances int) (all []challenge.Ledger) {
		memory := new(challenge.Memory)
		for range instances {
			all = append(all, memory)
		}
		return all
	},
	"Redis": func(t *testing.T, instances int) (all []challenge.Ledger) {
		server := redistest.Start(t)
		for range instances {
			all = append(all, redis.NewLedger(openStore(t, server)))
		}
		return all
	},
	"DynamoDB": func(t *testing.T, instances int) []challenge.Ledger {
		return openLedgers(t, dynalite.Start(t), instances)
	},
	"DynamoDB, which tells no item of a failed condition": func(t *testing.T, instances int) []challenge.Ledger {
		server := dynalite.Start(t)
		server.WithoutItems()
		return openLedgers(t, server, instances)
	},
}

func openLedgers(t *testing.T, server *dynalite.Table, instances int) (all []challenge.Ledger) {
	for range instances {
		all = append(all, dynamodb.NewLedger(openTable(t, server)))
	}
	return all
}

// forEachLedger runs a test with an empty Ledger of each kind.
func forEachLedger(t *testing.T, test func(t *testing.T, ledger challenge.Ledger)) {
	for name, open := range ledgers {
		t.Run(name, func(t *testing.T) { test(t, open(t, 1)[0]) })
	}
}

func TestLedgerKeepsToItsContract(t *testing.T) {
	for name, open := range ledgers {
		t.Run(name, func(t *testing.T) { ledgertest.Run(t, open) })
	}
}

// TestMotoKeepsToTheContract: another server that speaks DynamoDB's language. It takes
// milliseconds for a request, so that only scripts/test -long runs the model on it.
func TestMotoKeepsToTheContract(t *testing.T) {
	open := func(t *testing.T, instances int) []challenge.Ledger {
		return openLedgers(t, dynalite.StartOn(t, moto.Start(t)), instances)
	}
	t.Run("examples", func(t *testing.T) { ledgertest.Examples(t, open) })
	t.Run("all", func(t *testing.T) {
		need.Long(t)
		ledgertest.Run(t, open)
	})
}
