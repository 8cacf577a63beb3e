// Command unguardedfunction is an SCF function that the library serves to any caller, as it
// does on the platform.
package main

import (
	"context"

	"github.com/tencentyun/scf-go-lib/cloudfunction"
)

type handler struct{}

func (handler) Invoke(_ context.Context, event []byte) ([]byte, error) { return event, nil }

func main() { cloudfunction.StartHandler(handler{}) }
