package dynamodb

import (
	"context"
	"errors"
	"fmt"

	"sotercall/internal/challenge"
)

// Fail implements [challenge.Ledger]. The errors are as with Raise. The item:
//
//	sotercall:failures:<id>    failures: how many; nonce: of the last; expires: when
//	                           Failure.Keep has passed
func (d *Ledger) Fail(ctx context.Context, f challenge.Failure) (int, error) {
	if err := f.Check(); err != nil {
		return 0, err
	}
	old, err := d.table.Update(ctx, failuresKey+f.Challenge,
		"SET failures = if_not_exists(failures, :none) + :one, nonce = :nonce, expires = :expires",
		Condition{
			If: "attribute_not_exists(pk) OR failures >= :none AND nonce <> :nonce",
			Values: Item{
				":none": Number(uint64(0)), ":one": Number(uint64(1)), ":nonce": String(f.Nonce),
				":expires": Until(d.now().Add(f.Keep)),
			},
		})
	if failed, ok := errors.AsType[*ConditionFailed](err); ok {
		return failuresOf(failed.Item) // the request was done twice, or the item is not ours
	}
	if err != nil {
		return 0, fmt.Errorf("counting wrong signatures: %w", err)
	}
	before, err := failuresOf(old)
	if err != nil {
		return 0, err
	}
	return before + 1, nil
}

// Failures implements [challenge.Ledger]. The errors are as with Raise.
func (d *Ledger) Failures(ctx context.Context, id string) (int, error) {
	item, err := d.table.Get(ctx, failuresKey+id, "failures")
	if err != nil {
		return 0, fmt.Errorf("counting wrong signatures: %w", err)
	}
	return failuresOf(item)
}

// failuresOf returns the count in an item, 0 of no item.
func failuresOf(item Item) (int, error) {
	if item == nil {
		return 0, nil
	}
	count, ok := item.Int("failures")
	if !ok || count < 0 {
		return 0, errors.New("counting wrong signatures: the stored item is not a count")
	}
	return int(count), nil
}
