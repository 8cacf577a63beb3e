// Command rie is the program of the test's container, as SAM's containers run AWS's Runtime
// Interface Emulator. It starts /var/task/bootstrap as Lambda does, with its own variables,
// and accepts events on port 8080.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"sotercall/internal/dev/emulator"
)

func main() {
	variables := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	runtime, err := emulator.StartLambda(context.Background(), emulator.Function{
		Name: "function", Binary: "/var/task/bootstrap", Env: variables, Timeout: 10 * time.Second, Log: os.Stderr,
	})
	if err != nil {
		log.Fatal(err)
	}
	server := http.Server{
		Addr:              ":8080", // of the container, which has its own network
		Handler:           emulator.InvokeAPI(map[string]emulator.Runtime{"function": runtime}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}
