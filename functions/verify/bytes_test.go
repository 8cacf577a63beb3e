package main

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sotercall/internal/dev/hosting"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

const verifyPath = "/cgi-bin/soter/verify_signature"

// TestWhatThePhoneSignedIsWhatWeChatReceives: for every string that a phone can
// produce, through both runtimes, byte for byte.
func TestWhatThePhoneSignedIsWhatWeChatReceives(t *testing.T) {
	h := host(t, hosted.Ample, nil)
	devices := []sandbox.Device{sandbox.Android, sandbox.Huawei, sandbox.IOS}
	phones := map[sandbox.Device]*sandbox.Phone{}
	for _, device := range devices {
		phone, err := h.Phone("oExact-Bytes_000000000000001", device)
		require.NoError(t, err)
		phones[device] = phone
	}
	check := func(t require.TestingT, phone *sandbox.Phone, challenge, platform string) {
		signed, err := phone.Sign(challenge)
		require.NoError(t, err)
		event := hosting.Event(signed)
		answer, err := h.on[platform].Invoke(h.context(), call(event))
		require.NoError(t, err)
		require.Equal(t, hosted.Verified, string(answer.Payload), "challenge %q", challenge)
		received, ok := h.LastRequest(verifyPath)
		require.True(t, ok)
		var body struct {
			JSONString    string `json:"json_string"`
			JSONSignature string `json:"json_signature"`
			OpenID        string `json:"openid"`
		}
		require.NoError(t, json.Unmarshal(received.Body, &body))
		require.Equal(t, signed.JSONString, body.JSONString)
		require.Equal(t, signed.JSONSignature, body.JSONSignature)
		require.Equal(t, signed.OpenID, body.OpenID)
		require.NotContains(t, string(received.Body), `\u003c`, "no more is escaped than JSON demands")
	}
	for _, challenge := range []string{
		"<>&", "a/b", `\/`, "fid\x00", "\u2028\u2029", "😀", `"quoted"`, "\x01\x1f\x7f", "\t\r\n", "中文", "é",
		strings.Repeat("x", 512), strings.Repeat("😀", 512), strings.Repeat("\x01", 512),
	} {
		for platform := range h.on {
			for _, device := range devices {
				check(t, phones[device], challenge, platform)
			}
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		challenge := rapid.StringN(1, 512, -1).Draw(rt, "challenge")
		device := rapid.SampledFrom(devices).Draw(rt, "device")
		platform := rapid.SampledFrom([]string{"lambda", "scf"}).Draw(rt, "platform")
		check(rt, phones[device], challenge, platform)
	})
}

// Every other byte is another text: WeChat gets it as it came and refuses it.
func TestChangedByteIsRefused(t *testing.T) {
	h := host(t, hosted.Ample, nil)
	genuine := hosted.Sample(t)
	assert.Equal(t, hosted.Verified, hosted.Invoke(t, h.on["lambda"], hosted.JSON(t, genuine), nil))
	rapid.Check(t, func(rt *rapid.T) {
		forged := genuine
		text := []byte(forged.JSONString)
		at := rapid.IntRange(0, len(text)-1).Draw(rt, "at")
		to := rapid.ByteRange(0x20, 0x7e).Filter(func(b byte) bool { return b != text[at] }).Draw(rt, "to")
		text[at] = to
		forged.JSONString = string(text)
		event, err := json.Marshal(forged)
		require.NoError(rt, err)
		platform := rapid.SampledFrom([]string{"lambda", "scf"}).Draw(rt, "platform")
		answer, err := h.on[platform].Invoke(h.context(), call(event))
		require.NoError(rt, err)
		require.Contains(rt, string(answer.Payload), `"isOk":false`, "byte %d became %q", at, to)
	})
}
