package challenge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sotercall/internal/store/dynamodb"
)

// DynamoDB is a [Ledger] of all who share a table: a challenge counts once in the
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
type DynamoDB struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time

	table *dynamodb.Table
}

var _ Ledger = (*DynamoDB)(nil)

// NewDynamoDB makes a DynamoDB of a table.
func NewDynamoDB(table *dynamodb.Table) *DynamoDB { return &DynamoDB{table: table} }

func (d *DynamoDB) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}

// Consume implements [Ledger]. The errors are those of the server and of the way to
// it, and that what it keeps is not ours.
//
// The request may be done twice, when its first reply was lost: then the nonce is
// ours.
func (d *DynamoDB) Consume(ctx context.Context, u Use) (first bool, err error) {
	if err := u.Check(); err != nil {
		return false, err
	}
	now := d.now()
	err = d.table.Put(ctx, challengeKey+u.Challenge, dynamodb.Item{
		"nonce": dynamodb.String(u.Nonce), dynamodb.Expires: dynamodb.Until(now.Add(u.Keep)),
	}, dynamodb.Condition{
		If:     "attribute_not_exists(pk) OR expires <= :now",
		Values: dynamodb.Item{":now": dynamodb.Number(now.Unix())},
	})
	failed, ok := errors.AsType[*dynamodb.ConditionFailed](err)
	switch {
	case err == nil:
		return true, nil
	case !ok:
		return false, fmt.Errorf("consuming a challenge: %w", err)
	}
	nonce, ours := failed.Item.Text("nonce")
	if _, ends := failed.Item.Int(dynamodb.Expires); !ours || !ends {
		return false, errors.New("consuming a challenge: the stored item is not a consumed challenge")
	}
	return nonce == u.Nonce, nil
}

// Raise implements [Ledger]. The errors are those of the server and of the way to
// it, and that what it keeps is not ours.
//
// The request may be done twice, when its first reply was lost: then the nonce is
// ours, and previous is the answer.
func (d *DynamoDB) Raise(ctx context.Context, r Reading) (highest uint64, err error) {
	if err := r.Check(); err != nil {
		return 0, err
	}
	old, err := d.table.Update(ctx, counterKey+r.Device,
		"SET previous = if_not_exists(highest, :none), highest = :counter, nonce = :nonce, expires = :expires",
		dynamodb.Condition{
			If: "attribute_not_exists(pk) OR highest >= :none AND highest < :counter AND nonce <> :nonce",
			Values: dynamodb.Item{
				":none": dynamodb.Number(uint64(0)), ":counter": dynamodb.Number(r.Counter), ":nonce": dynamodb.String(r.Nonce),
				":expires": dynamodb.Until(d.now().Add(counterLife)),
			},
		})
	failed, ok := errors.AsType[*dynamodb.ConditionFailed](err)
	switch {
	case err == nil && old == nil:
		return 0, nil
	case err == nil:
		failed = &dynamodb.ConditionFailed{Item: old}
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
