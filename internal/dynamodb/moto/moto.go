// Package moto runs moto's server for a test: a stand-in for AWS that somebody else
// wrote. One process serves all tests of a package, on loopback; each test has a table of
// its own there.
package moto

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sotercall/internal/gobuild"
	"sotercall/internal/need"
)

const region = "eu-west-1"

// server is the process's one server. It ends with the tests of its package.
var server struct {
	sync.Mutex
	address string    // guarded; "" until it is started
	input   io.Closer // of its shell; collected as garbage it would be closed
}

var tables atomic.Int64

// Start returns the address of a server that answers as the services of AWS do, until the
// test ends.
func Start(t testing.TB) (address string) {
	t.Helper()
	connections := new(http.Transport)
	t.Cleanup(connections.CloseIdleConnections)
	proxy := httptest.NewServer(oneByOne(t, start(t), connections))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// start returns the address of the process's server, and starts it first if need be.
func start(t testing.TB) (address string) {
	t.Helper()
	need.Time(t)
	root, err := gobuild.ModuleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	programs := need.Python(t, filepath.Join(root, "internal/dynamodb/moto"))
	server.Lock()
	defer server.Unlock()
	if server.address != "" {
		return server.address
	}
	backend, input, err := serve(programs)
	if err != nil {
		t.Fatal(err)
	}
	server.address, server.input = backend, input
	return server.address
}

// oneByOne leads to a backend, one request at a time: moto's conditional writes are not
// atomic across its threads, as those of DynamoDB are.
func oneByOne(t testing.TB, backend string, connections http.RoundTripper) http.Handler {
	t.Helper()
	to, err := url.Parse(backend)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport = connections
	var turn sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		turn.Lock()
		defer turn.Unlock()
		proxy.ServeHTTP(w, r)
	})
}

func serve(programs string) (address string, input io.Closer, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	port := fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	if err := listener.Close(); err != nil {
		return "", nil, err
	}
	// The shell ends the server when its input does, which is open for as long as we live.
	command := exec.Command("sh", "-c", `"$0" -H 127.0.0.1 -p "$1" >/dev/null 2>&1 & cat >/dev/null; kill $!`,
		filepath.Join(programs, "moto_server"), port)
	if input, err = command.StdinPipe(); err != nil {
		return "", nil, err
	}
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	address = "http://127.0.0.1:" + port
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/moto-api/", nil)
		if err != nil {
			return "", nil, err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			defer http.DefaultClient.CloseIdleConnections()
			return address, input, response.Body.Close()
		}
		if ctx.Err() != nil {
			return "", nil, fmt.Errorf("moto has not started: %w", err)
		}
		time.Sleep(50 * time.Millisecond) // another process has nothing to wait on
	}
}

// Credentials are those of a function that uses the server, which takes any.
func Credentials() map[string]string {
	return map[string]string{"AWS_REGION": region, "AWS_ACCESS_KEY_ID": "AKIDOFTHETESTMOTO", "AWS_SECRET_ACCESS_KEY": "the-secret-access-key-of-the-test"}
}

// Table makes an empty table, and returns the variables of a function that uses it.
func Table(t testing.TB) map[string]string {
	t.Helper()
	variables := Credentials()
	variables["AWS_ENDPOINT_URL_DYNAMODB"] = Start(t)
	variables["DYNAMODB_TABLE"] = fmt.Sprintf("test-%d", tables.Add(1))
	connections := new(http.Transport)
	defer connections.CloseIdleConnections()
	client := dynamodb.New(dynamodb.Options{
		Region: region, HTTPClient: &http.Client{Transport: connections}, BaseEndpoint: aws.String(variables["AWS_ENDPOINT_URL_DYNAMODB"]),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: variables["AWS_ACCESS_KEY_ID"], SecretAccessKey: variables["AWS_SECRET_ACCESS_KEY"]}, nil
		}),
	})
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String(variables["DYNAMODB_TABLE"]), BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return variables
}
