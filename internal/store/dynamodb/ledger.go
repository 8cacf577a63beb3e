package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sotercall/internal/challenge"
)

// Ledger is a [challenge.Ledger] of all who share a table: a challenge counts once in the
// whole fleet. The items:
//
//	sotercall:challenge:<id>    nonce, expires: when Use.Keep has passed
//	sotercall:counter:<device>  highest: the highest counter; previous: the one before
//	                            it; nonce: of the Reading that raised it from previous to
//	                            highest; expires: 400 days after that
//
// Consume and Raise are one request each, and one item. DynamoDB keeps what it has
// acknowledged, so that a challenge counts once whatever restarts.
//
// A challenge whose time has passed counts as not consumed although the item is still
// there; Check refuses it by then. A counter counts for as long as it is there: to
// know more than must be known does no harm.
type Ledger struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time

	table *Table
}

var _ challenge.Ledger = (*Ledger)(nil)

// NewLedger makes a Ledger of a table.
func NewLedger(table *Table) *Ledger { return &Ledger{table: table} }

const (
	challengeKey = "sotercall:challenge:"
	counterKey   = "sotercall:counter:"
	failuresKey  = "sotercall:failures:"
)

func (d *Ledger) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}

// Consume implements [challenge.Ledger]. The errors are those of the server and of the way to
// it, and that what it keeps is not ours.
//
// The request may be done twice, when its first reply was lost: then the nonce is
// ours.
func (d *Ledger) Consume(ctx context.Context, u challenge.Use) (first bool, err error) {
	if err := u.Check(); err != nil {
		return false, err
	}
	now := d.now()
	err = d.table.Put(ctx, challengeKey+u.Challenge, Item{
		"nonce": String(u.Nonce), Expires: Until(now.Add(u.Keep)),
	}, Condition{
		If:     "attribute_not_exists(pk) OR expires <= :now",
		Values: Item{":now": Number(now.Unix())},
	})
	failed, ok := errors.AsType[*ConditionFailed](err)
	switch {
	case err == nil:
		return true, nil
	case !ok:
		return false, fmt.Errorf("consuming a challenge: %w", err)
	}
	nonce, ours := failed.Item.Text("nonce")
	if _, ends := failed.Item.Int(Expires); !ours || !ends {
		return false, errors.New("consuming a challenge: the stored item is not a consumed challenge")
	}
	return nonce == u.Nonce, nil
}

// Raise implements [challenge.Ledger]. The errors are those of the server and of the way to
// it, and that what it keeps is not ours.
//
// The request may be done twice, when its first reply was lost: then the nonce is
// ours, and previous is the answer.
func (d *Ledger) Raise(ctx context.Context, r challenge.Reading) (highest uint64, err error) {
	if err := r.Check(); err != nil {
		return 0, err
	}
	old, err := d.table.Update(ctx, counterKey+r.Device,
		"SET previous = if_not_exists(highest, :none), highest = :counter, nonce = :nonce, expires = :expires",
		Condition{
			If: "attribute_not_exists(pk) OR highest >= :none AND highest < :counter AND nonce <> :nonce",
			Values: Item{
				":none": Number(uint64(0)), ":counter": Number(r.Counter), ":nonce": String(r.Nonce),
				":expires": Until(d.now().Add(challenge.CounterLife)),
			},
		})
	failed, ok := errors.AsType[*ConditionFailed](err)
	switch {
	case err == nil && old == nil:
		return 0, nil
	case err == nil:
		failed = &ConditionFailed{Item: old}
	case !ok:
		return 0, fmt.Errorf("raising a counter: %w", err)
	}
	attribute := "highest"
	if nonce, _ := failed.Item.Text("nonce"); nonce == r.Nonce {
		attribute = "previous"
	}
	highest, ok = failed.Item.Uint(attribute)
	if !ok {
		return 0, errors.New("raising a counter: the stored item is not a counter")
	}
	return highest, nil
}
