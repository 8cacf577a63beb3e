// Command lambdafunction is a Lambda function for tests. Its event selects a behavior, such
// as a result, a crash or a hang.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string
	Text string
}

type handler struct{}

func (handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var e event
	_ = json.Unmarshal(payload, &e) // other events are echoed
	switch e.Do {
	case "context":
		return describe(ctx)
	case "log":
		fmt.Print(e.Text)
		return payload, nil
	case "error":
		return nil, errors.New(e.Text)
	case "panic":
		panic(e.Text)
	case "exit":
		os.Exit(3)
	case "exit quietly":
		os.Exit(0)
	case "answer and exit":
		answerItself(ctx)
		os.Exit(0)
	case "hang":
		time.Sleep(time.Hour)
	case "fork":
		child := exec.Command("sleep", "1000")
		if err := child.Start(); err != nil {
			return nil, err
		}
		return json.Marshal(child.Process.Pid)
	case "large":
		return json.Marshal(strings.Repeat("x", 7<<20))
	}
	return payload, nil
}

func describe(ctx context.Context) ([]byte, error) {
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"requestID": lc.AwsRequestID,
		"arn":       lc.InvokedFunctionArn,
		"custom":    lc.ClientContext.Custom,
		"traceID":   os.Getenv("_X_AMZN_TRACE_ID"),
		"deadline":  deadline,
		"environ":   os.Environ(),
		"pid":       os.Getpid(),
		"dir":       dir,
	})
}

func answerItself(ctx context.Context) {
	lc, _ := lambdacontext.FromContext(ctx)
	url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/" + lc.AwsRequestID + "/response"
	response, err := http.Post(url, "application/json", strings.NewReader(`"too early"`))
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()
}

func main() {
	switch os.Getenv("INIT") {
	case "fail":
		log.Fatal("cannot work like this")
	case "hang":
		log.Print("thinking")
		time.Sleep(time.Hour)
	case "report":
		url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/init/error"
		response, err := http.Post(url, "application/json", strings.NewReader(`{"errorType":"Config","errorMessage":"no table"}`))
		if err != nil {
			log.Fatal(err)
		}
		response.Body.Close()
		os.Exit(1)
	}
	// ONCE names a file that this process makes: a second process stops here.
	if once := os.Getenv("ONCE"); once != "" {
		if _, err := os.OpenFile(once, os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			log.Print(err)
			if os.Getenv("SECOND") == "hang" {
				time.Sleep(time.Hour)
			}
			os.Exit(1)
		}
	}
	lambda.Start(handler{})
}
