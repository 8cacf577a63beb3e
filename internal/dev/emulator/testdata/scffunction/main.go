// Command scffunction is an SCF function that does what its event says, good or bad.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tencentyun/scf-go-lib/functioncontext"

	"sotercall/internal/adapter/scfguard"
)

type event struct {
	Do   string
	Text string
}

type handler struct {
	met sync.WaitGroup
}

func (h *handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var e event
	_ = json.Unmarshal(payload, &e) // other events are echoed
	switch e.Do {
	case "context":
		fc, _ := functioncontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return json.Marshal(map[string]any{
			"function": fc,
			"deadline": deadline,
			"environ":  os.Environ(),
			"started":  started,
			"pid":      os.Getpid(),
		})
	case "getenv":
		return json.Marshal(os.Getenv(e.Text))
	case "meet": // returns when two calls are here at once
		h.met.Done()
		h.met.Wait()
	case "log":
		fmt.Print(e.Text)
	case "error":
		return nil, errors.New(e.Text)
	case "panic":
		panic(e.Text)
	case "exit":
		os.Exit(3)
	case "hang":
		time.Sleep(time.Hour)
	case "large":
		return json.Marshal(strings.Repeat("x", 7<<20))
	}
	return payload, nil
}

// started is the environment before any call.
var started = os.Environ()

// first returns nil in the first process only. The working directory is the binary's: the
// second finds the file there.
func first() error {
	file, err := os.OpenFile("once", os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

func main() {
	switch os.Getenv("FUNCTION_NAME") {
	case "init-fails":
		log.Fatal("cannot work like this")
	case "init-hangs":
		log.Print("thinking")
		time.Sleep(time.Hour)
	case "starts-once":
		if err := first(); err != nil {
			log.Fatal(err)
		}
	case "port-taken-once":
		if first() == nil {
			log.Fatal("listen tcp 0.0.0.0:1: bind: address already in use")
		}
	}
	h := new(handler)
	h.met.Add(2)
	scfguard.StartHandler(h)
}
