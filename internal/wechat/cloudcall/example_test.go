package cloudcall_test

import (
	"fmt"

	"sotercall/internal/wechat/cloudcall"
)

// The parameters of a call, each as JSON text, on their way through the gateway.
func ExampleMarshalCall() {
	requestData := cloudcall.MarshalCall(
		cloudcall.Pair{Key: cloudcall.KeyOpenID, Value: []byte(`"oUser"`)},
		cloudcall.Pair{Key: cloudcall.KeyJSONString, Value: []byte(`"{\"raw\":\"challenge\"}"`)},
	)
	pairs, err := cloudcall.UnmarshalCall(requestData)
	if err != nil {
		panic(err)
	}
	for _, pair := range pairs {
		fmt.Printf("%s %s\n", pair.Key, pair.Value)
	}
	// Output:
	// openid "oUser"
	// json_string "{\"raw\":\"challenge\"}"
}
