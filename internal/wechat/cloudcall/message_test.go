package cloudcall_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/wechat/cloudcall"
)

func TestFormIsReadAsWritten(t *testing.T) {
	form := cloudcall.Form{
		{Name: "action", Value: []byte("wx.openApi")},
		{Name: "requestData", Value: []byte("\x00\r\n--x\xff"), Binary: true},
		{Name: "empty", Value: []byte{}},
	}
	read, err := cloudcall.ReadForm("multipart/form-data; boundary=xyz", form.Encode("xyz"))
	require.NoError(t, err)
	assert.Equal(t, form, read)
	assert.Equal(t, "wx.openApi", string(read.Get("action")))
	assert.Nil(t, read.Get("Action"))
}

func TestFormIsRefused(t *testing.T) {
	const contentType = "multipart/form-data; boundary=x"
	good := cloudcall.Form{{Name: "a", Value: []byte("1")}, {Name: "b", Value: []byte("2")}}.Encode("x")
	many := make(cloudcall.Form, 33)
	for i := range many {
		many[i].Name = strings.Repeat("n", i+1)
	}
	for name, c := range map[string]struct {
		contentType string
		body        []byte
		reason      string
	}{
		"another type":       {"application/json; boundary=x", good, "content type"},
		"no boundary":        {"multipart/form-data", good, "content type"},
		"broken type":        {"multipart/form-data; boundary", good, "content type"},
		"another boundary":   {"multipart/form-data; boundary=y", good, "form is broken"},
		"broken off":         {contentType, good[:len(good)-5], "form is broken"},
		"empty":              {contentType, nil, "form is broken"},
		"a field twice":      {contentType, cloudcall.Form{{Name: "a"}, {Name: "a"}}.Encode("x"), "is duplicated"},
		"twice by the case":  {contentType, cloudcall.Form{{Name: "a"}, {Name: "A"}}.Encode("x"), "is duplicated"},
		"a field of no name": {contentType, cloudcall.Form{{}}.Encode("x"), "no name"},
		"too many fields":    {contentType, many.Encode("x"), "more than 32 fields"},
	} {
		t.Run(name, func(t *testing.T) {
			form, err := cloudcall.ReadForm(c.contentType, c.body)
			require.ErrorContains(t, err, c.reason)
			assert.Nil(t, form)
		})
	}
	_, err := cloudcall.ReadForm(contentType, good)
	require.NoError(t, err)
	_, err = cloudcall.ReadForm(contentType, many[:32].Encode("x"))
	require.NoError(t, err)
}

func TestCallIsReadAsWritten(t *testing.T) {
	pairs := []cloudcall.Pair{{Key: "openid", Value: []byte(`"o"`)}, {Key: "json_string", Value: []byte(`"{}"`)}}
	read, err := cloudcall.UnmarshalCall(cloudcall.MarshalCall(pairs...))
	require.NoError(t, err)
	assert.Equal(t, pairs, read)

	for _, r := range recordings(t) {
		read, err := cloudcall.UnmarshalCall(r.message(t).Form.Get(cloudcall.FieldRequestData))
		require.NoError(t, err)
		require.Len(t, read, 3)
		assert.Equal(t, []string{"openid", "json_string", "json_signature"}, []string{read[0].Key, read[1].Key, read[2].Key})
	}
}

func TestMessagesAreRefused(t *testing.T) {
	for name, message := range map[string]string{
		"broken off":              "\x12\x05\x0a",
		"a group without end":     "{\"code\":1}",
		"pairs as a number":       "\x12\x02\x08\x01",
		"openapiData as a number": "\x10\x01",
		"openapiData twice":       "\x12\x00\x12\x00",
		"apiType as bytes":        "\x0a\x00",
		"apiType INNER_API":       "\x08\x01",
		"a key as a number":       "\x12\x04\x0a\x02\x08\x01",
		"a key twice":             "\x12\x06\x0a\x04\x0a\x00\x0a\x00",
		"a broken pair":           "\x12\x03\x0a\x01\x0a",
		"broken data":             "\x12\x01\x0a",
	} {
		pairs, err := cloudcall.UnmarshalCall([]byte(message))
		require.Error(t, err, name)
		assert.Nil(t, pairs, name)
	}
	for name, message := range map[string]string{
		"respData as a number":      "\x08\x01",
		"respData twice":            "\x0a\x00\x0a\x00",
		"contentType as a number":   "\x10\x01",
		"errorCode as bytes":        "\x1a\x00",
		"errorCode twice":           "\x18\x01\x18\x01",
		"errorCode beyond 32 bits":  "\x18\x80\x80\x80\x80\x10",
		"a number that has no end":  "\x18\xff",
		"a field of number 0":       "\x00\x00",
		"a tag of an unknown type":  "\x0f",
		"a text that is no message": "<html>",
	} {
		response, err := cloudcall.UnmarshalResponse([]byte(message))
		require.Error(t, err, name)
		assert.Zero(t, response, name)
	}

	// The twins: fields that nobody knows, of every type, and nothing at all.
	unknown := "\x20\xf6\x03" + "\x2a\x00" + "\x35\x00\x00\x00\x00" + "\x39\x00\x00\x00\x00\x00\x00\x00\x00" + "\x43\x44"
	response, err := cloudcall.UnmarshalResponse([]byte(string(cloudcall.Response{ErrorCode: -604101}.Marshal()) + unknown))
	require.NoError(t, err)
	assert.Equal(t, cloudcall.Response{ErrorCode: -604101}, response)
	_, err = cloudcall.UnmarshalCall(nil)
	require.NoError(t, err)
}

func TestResponseIsReadAsWritten(t *testing.T) {
	for _, r := range []cloudcall.Response{
		{},
		{Data: []byte(`{"is_ok":true}`), ContentType: "application/json"},
		{ErrorCode: -604101},
		{ErrorCode: 1},
	} {
		read, err := cloudcall.UnmarshalResponse(r.Marshal())
		require.NoError(t, err)
		assert.Equal(t, r, read)
	}
}
