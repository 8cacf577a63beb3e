package trigger_test

import (
	"fmt"
	"io"
	"net/http"

	"sotercall/internal/trigger"
)

// An event of an SCF function URL holds a request, and its answer goes back in the
// form that the function URL expects.
func ExampleRead() {
	event := trigger.Read([]byte(`{"httpMethod":"POST","path":"/openapi/soter/verifySignature","headers":{"Host":"example.com"},"body":"{}"}`))
	body, err := io.ReadAll(event.Request.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(event.Source, event.Request.Method, event.Request.URL.Path, string(body))

	header := http.Header{"Content-Type": {"application/json"}}
	fmt.Printf("%s\n", event.Respond(http.StatusOK, header, []byte(`{"isOk":true}`)))

	fmt.Println(trigger.Read([]byte(`{"openid":"oUser"}`)).Source)
	// Output:
	// scf-function-url POST /openapi/soter/verifySignature {}
	// {"statusCode":200,"headers":{"Content-Type":"application/json"},"body":"{\"isOk\":true}","isBase64Encoded":false}
	// direct
}
