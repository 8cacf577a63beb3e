package cloudcall_test

import (
	stdjson "encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"sotercall/internal/openapi"
	"sotercall/internal/wechat/cloudcall"
)

// responseType is CommOpenApiResp for a decoder that shares no code with ours.
func responseType(t testing.TB) protoreflect.MessageDescriptor {
	t.Helper()
	var file descriptorpb.FileDescriptorProto
	require.NoError(t, prototext.Unmarshal([]byte(`
		name: "openapi.proto" syntax: "proto3"
		message_type {
			name: "CommOpenApiResp"
			field { name: "respData" number: 1 type: TYPE_BYTES label: LABEL_OPTIONAL }
			field { name: "contentType" number: 2 type: TYPE_BYTES label: LABEL_OPTIONAL }
			field { name: "errorCode" number: 3 type: TYPE_INT32 label: LABEL_OPTIONAL }
		}`), &file))
	descriptor, err := protodesc.NewFile(&file, nil)
	require.NoError(t, err)
	return descriptor.Messages().Get(0)
}

// FuzzRead: whatever the gateway answers, the outcome is a Verdict or one
// openapi.Error, and genuine only if a whole, plain reply of WeChat says so.
func FuzzRead(f *testing.F) {
	message := responseType(f)
	for _, reply := range []string{
		`{"errcode":0,"errmsg":"ok","is_ok":true}`, `{"is_ok":true}`, `{"is_ok":false}`, `{"errcode":1,"is_ok":true}`, `{}`, `true`,
	} {
		f.Add(200, protobuf, []byte(wrapped(weChats, reply)))
		f.Add(200, cloudcall.ErrorType, []byte(reply))
		f.Add(502, protobuf, []byte(wrapped("text/plain", reply)))
	}
	f.Add(200, protobuf, []byte(refusal(-604101)))
	f.Add(200, protobuf, cloudcall.Response{ErrorCode: -1, Data: []byte(`{"is_ok":true}`), ContentType: weChats}.Marshal())
	f.Add(200, cloudcall.ErrorType, []byte(`{"code":"INVALID_PARAM","message":"m","requestId":"r"}`))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		verdict, err := cloudcall.Read(status, contentType, body)
		if err != nil {
			var e *openapi.Error
			require.ErrorAs(t, err, &e)
			require.NotZero(t, e.Code)
			require.Zero(t, verdict)
			return
		}
		require.Equal(t, http.StatusOK, status)
		response := dynamicpb.NewMessage(message)
		require.NoError(t, proto.Unmarshal(body, response))
		fields := message.Fields()
		require.Zero(t, response.Get(fields.ByNumber(3)).Int())
		inner := string(response.Get(fields.ByNumber(2)).Bytes())
		require.True(t, strings.Contains(inner, "application/json") || strings.Contains(inner, "text/plain"), inner)
		var reply map[string]any
		require.NoError(t, stdjson.Unmarshal(response.Get(fields.ByNumber(1)).Bytes(), &reply))
		require.Contains(t, []any{nil, float64(0)}, reply["errcode"])
		require.Equal(t, verdict.IsGenuine(), reply["is_ok"])
	})
}

// FuzzVerify: of all requests with the bytes of a good one changed somewhere,
// only those pass whose form still says the same.
func FuzzVerify(f *testing.F) {
	r := recordings(f)[0]
	m := r.message(f)
	f.Add(m.Header.Get("Authorization"), m.Header.Get("Content-Type"), r.Request.Body)
	f.Add("TC3-HMAC-SHA256 Credential=demo-secret-id/2025-11-23/tcb/tc3_request, SignedParams=, SignedHeaders=content-type;host, Signature=00", "", []byte{})
	f.Fuzz(func(t *testing.T, authorization, contentType string, body []byte) {
		form, err := cloudcall.ReadForm(contentType, body)
		if err != nil {
			require.Nil(t, form)
			return
		}
		changed := r.message(t)
		changed.Form = form
		changed.Header.Set("Authorization", authorization)
		changed.Header.Set("Content-Type", contentType)
		if r.credentials().Verify(changed, r.now()) != nil {
			return
		}
		for _, field := range m.Form {
			require.Equal(t, strings.TrimSpace(string(field.Value)), strings.TrimSpace(string(form.Get(field.Name))), field.Name)
		}
	})
}

// FuzzUnmarshalCall: what is read is what can be written.
func FuzzUnmarshalCall(f *testing.F) {
	f.Add(recordings(f)[0].message(f).Form.Get(cloudcall.FieldRequestData))
	f.Add([]byte("\x08\x01"))
	f.Add([]byte("\x12\x02\x0a\x00"))
	f.Fuzz(func(t *testing.T, message []byte) {
		pairs, err := cloudcall.UnmarshalCall(message)
		if err != nil {
			require.Nil(t, pairs)
			return
		}
		again, err := cloudcall.UnmarshalCall(cloudcall.MarshalCall(pairs...))
		require.NoError(t, err)
		require.Len(t, again, len(pairs))
		for i := range pairs {
			require.Equal(t, pairs[i].Key, again[i].Key)
			require.Equal(t, string(pairs[i].Value), string(again[i].Value))
		}
	})
}

// FuzzQuote: every text comes back whole from any reader of JSON.
func FuzzQuote(f *testing.F) {
	f.Add("a\"\\\b\x00\u2028😀")
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, text string) {
		quoted, err := cloudcall.Quote(text)
		if !utf8.ValidString(text) {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		var back string
		require.NoError(t, stdjson.Unmarshal(quoted, &back))
		require.Equal(t, text, back)
	})
}
