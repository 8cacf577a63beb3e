package sandbox

import (
	stdjson "encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"sotercall/internal/wechat/cloudcall"
)

// FuzzGateway: whatever is posted, the answer has one of the SDK's two shapes,
// and is_ok is true only if decoders that share no code with the gateway find
// the genuine triple in the form.
func FuzzGateway(f *testing.F) {
	s := newSandbox(f, Options{})
	genuine := demoSigned(f)
	for _, body := range []string{
		cloudForm(f),
		cloudForm(f, "openid", `"oNobody"`),
		cloudForm(f, "json_string", `"`+`\u007b}"`),
		cloudForm(f, "apiName", "x"),
		cloudForm(f, "requestData", "\x08\x01"),
		strings.Replace(cloudForm(f), "--x", "--y", 1),
		"--x--\r\n", "",
	} {
		f.Add(cloudFormType, body)
	}
	f.Fuzz(func(t *testing.T, contentType, body string) {
		r := httptest.NewRequest("POST", adminPath, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code)
		if w.Header().Get("Content-Type") == cloudcall.ErrorType {
			var e map[string]any
			require.NoError(t, stdjson.Unmarshal(w.Body.Bytes(), &e))
			if _, answered := e["data"]; answered { // FuzzWxAPI looks at these
				require.Len(t, e, 2)
				return
			}
			require.Len(t, e, 3)
			require.NotEmpty(t, e["code"])
			require.NotEmpty(t, e["message"])
			return
		}
		response, err := cloudcall.UnmarshalResponse(w.Body.Bytes())
		require.NoError(t, err)
		var reply map[string]any
		if response.ErrorCode == 0 {
			require.NoError(t, stdjson.Unmarshal(response.Data, &reply))
		}
		if reply["is_ok"] != true {
			return
		}
		parameters := parametersOf(t, formField(t, contentType, body, cloudcall.FieldRequestData))
		require.Equal(t, genuine.OpenID, parameters["openid"])
		require.Equal(t, genuine.JSONString, parameters["json_string"])
		require.Equal(t, genuine.JSONSignature, parameters["json_signature"])
	})
}

func formField(t *testing.T, contentType, body, name string) []byte {
	t.Helper()
	_, parameters, err := mime.ParseMediaType(contentType)
	require.NoError(t, err)
	reader := multipart.NewReader(strings.NewReader(body), parameters["boundary"])
	for {
		part, err := reader.NextRawPart()
		require.NoError(t, err, "a form without %s", name)
		if part.FormName() == name {
			value, err := io.ReadAll(part)
			require.NoError(t, err)
			return value
		}
	}
}

// callType is CommApiData for a decoder that shares no code with ours.
var callType = sync.OnceValue(func() protoreflect.MessageDescriptor {
	var file descriptorpb.FileDescriptorProto
	if err := prototext.Unmarshal([]byte(`
		name: "openapi.proto" syntax: "proto3"
		message_type {
			name: "KeyValuePair"
			field { name: "key" number: 1 type: TYPE_BYTES label: LABEL_OPTIONAL }
			field { name: "value" number: 2 type: TYPE_BYTES label: LABEL_OPTIONAL }
		}
		message_type {
			name: "OpenApiData"
			field { name: "pairs" number: 1 type: TYPE_MESSAGE type_name: ".KeyValuePair" label: LABEL_REPEATED }
		}
		message_type {
			name: "CommApiData"
			field { name: "openapiData" number: 2 type: TYPE_MESSAGE type_name: ".OpenApiData" label: LABEL_OPTIONAL }
		}`), &file); err != nil {
		panic(err)
	}
	descriptor, err := protodesc.NewFile(&file, nil)
	if err != nil {
		panic(err)
	}
	return descriptor.Messages().ByName("CommApiData")
})

// parametersOf are the texts in a CommApiData.
func parametersOf(t *testing.T, requestData []byte) map[string]string {
	t.Helper()
	call := dynamicpb.NewMessage(callType())
	require.NoError(t, proto.Unmarshal(requestData, call))
	data := call.Get(callType().Fields().ByNumber(2)).Message()
	pairs := data.Get(data.Descriptor().Fields().ByNumber(1)).List()
	parameters := map[string]string{}
	for i := range pairs.Len() {
		pair := pairs.Get(i).Message()
		var value any
		require.NoError(t, stdjson.Unmarshal(pair.Get(pair.Descriptor().Fields().ByNumber(2)).Bytes(), &value))
		if text, ok := value.(string); ok {
			parameters[string(pair.Get(pair.Descriptor().Fields().ByNumber(1)).Bytes())] = text
		}
	}
	return parameters
}
