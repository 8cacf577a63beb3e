package sandbox

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	stdjson "encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/soter"
)

func newPhone(t testing.TB, s *Sandbox, openid string, device Device) *Phone {
	t.Helper()
	phone, err := s.Phone(openid, device)
	require.NoError(t, err)
	return phone
}

// signedText is what a server may learn from a resultJSON, whatever the device.
type signedText struct {
	Raw     string `json:"raw"`
	Counter any    `json:"counter"`
	CPUID   string `json:"cpu_id"`
	UID     any    `json:"uid"`
	FID     string `json:"fid"`
}

// judge verifies as a holder of the AuthKey would who knows the length of the
// salt, and reads the text as a lenient reader does: a NUL may stand in a string.
func judge(t testing.TB, p *Phone, signed Signed) signedText {
	t.Helper()
	block, _ := pem.Decode([]byte(p.AuthKey()))
	require.NotNil(t, block)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	signature, err := base64.StdEncoding.Strict().DecodeString(signed.JSONSignature)
	require.NoError(t, err)
	digest := sha256.Sum256([]byte(signed.JSONString))
	salt := map[Device]int{Huawei: 32, Salt64: 64}[p.record.Device]
	if salt == 0 {
		salt = 20
	}
	require.NoError(t, rsa.VerifyPSS(key.(*rsa.PublicKey), crypto.SHA256, digest[:], signature, &rsa.PSSOptions{SaltLength: salt}))
	var text signedText
	readable := strings.ReplaceAll(signed.JSONString, "\x00", `\u0000`)
	require.NoError(t, stdjson.Unmarshal([]byte(readable), &text), readable)
	return text
}

// TestResultsHaveTheShapeOfTheirDevice has a row for each row of the table of
// devices; the sources of the recorded ones are named there.
func TestResultsHaveTheShapeOfTheirDevice(t *testing.T) {
	s := newSandbox(t, Options{})
	const uuidForm = "[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}"
	forms := map[Device]string{
		Android:      `^{"raw":"a/b","fid":"[0-9a-f]{64}\x00","counter":3,"tee_n":"uT_TEE","tee_v":"1.0","fp_n":"fpc","fp_v":"1.2","cpu_id":"[0-9a-f]{40}","uid":"1\d{4}"}$`,
		AndroidPlain: `^{"raw":"a/b","fid":"\d+","counter":3,"tee_n":"t-base-sandbox","tee_v":"10010","fp_n":"FPC","fp_v":"6516","cpu_id":"[0-9a-f]{40}","uid":"1\d{4}"}$`,
		AndroidSlash: `^{"raw":"a\\/b","fid":"\d+","counter":3,"tee_n":"t-base-sandbox","tee_v":"10010","fp_n":"FPC","fp_v":"6516","cpu_id":"[0-9a-f]{40}","uid":"1\d{4}"}$`,
		Huawei:       `^{"bo_t":"1","raw":"a/b","fid":"\d+","counter":3,"tee_n":"hwteeos","tee_v":"version_1.0","fp_n":"fpc_sandbox","fp_v":"sandbox_1.0","rsa_pss_saltlen":32,"cpu_id":"HUAWEI_SANDBOX_` + uuidForm + `-[0-9a-f]{8}","uid":"1\d{4}","fc_n":"hwbioalgo","fc_v":"bioalgo_1.0"}$`,
		IOS:          `^{"raw":"a/b","counter":3,"cpu_id":"(?i:` + uuidForm + `)","uid":"[0-9a-f]{32}"}$`,
		IOSOld:       `^{"raw":"a/b","counter":"3","cpu_id":"(?i:` + uuidForm + `)","uid":"[0-9a-f]{32}"}$`,
		HarmonyOS:    `^{ "ver": 1, "raw": "a/b", "auth": {"type": \["FINGERPRINT"\], "level": "ATL3"}, "counter": 3, "cpu_id": "` + uuidForm + `", "uid": 1\d{4}, "os_n": "HarmonyOS", "os_v": null }$`,
		NoCounter:    `^{"raw":"a/b"}$`,
		Salt64:       `^{"raw":"a/b","counter":3,"rsa_pss_saltlen":64,"cpu_id":"` + uuidForm + `","uid":"1\d{4}"}$`,
	}
	require.Len(t, forms, len(Devices()))
	for _, info := range Devices() {
		phone := newPhone(t, s, alice, info.Device)
		signed, err := phone.Sign("a/b")
		require.NoError(t, err)
		assert.Equal(t, alice, signed.OpenID)
		require.Contains(t, forms, info.Device)
		assert.Regexp(t, forms[info.Device], signed.JSONString)

		text := judge(t, phone, signed)
		assert.Equal(t, "a/b", text.Raw)
		assert.Equal(t, phone.CPUID(), text.CPUID)
		if text.UID != nil {
			assert.Equal(t, phone.UID(), fmt.Sprint(text.UID))
		}
	}
}

// TestTheTableOfDevicesIsComplete: documentation and help are made of it.
func TestTheTableOfDevicesIsComplete(t *testing.T) {
	seen := map[Device]bool{}
	for _, info := range Devices() {
		assert.False(t, seen[info.Device], "%s is duplicated", info.Device)
		seen[info.Device] = true
		assert.NotEmpty(t, info.Signs, info.Device)
		assert.NotEmpty(t, info.Source, info.Device)
		assert.Equal(t, strings.Contains(info.Source, "nobody has recorded"), info.Invented, info.Device)
		parsed, err := ParseDevice(string(info.Device))
		require.NoError(t, err)
		assert.Equal(t, info.Device, parsed)
		assert.Contains(t, DeviceNames(), string(info.Device))
	}
	_, err := ParseDevice("nokia")
	require.ErrorIs(t, err, ErrArgument)
	assert.ErrorContains(t, err, `device "nokia", want one of android, android-plain,`)
}

func TestPhonesOfOneUserDiffer(t *testing.T) {
	s := newSandbox(t, Options{})
	android, huawei := newPhone(t, s, alice, Android), newPhone(t, s, alice, Huawei)
	assert.NotEqual(t, android.CPUID(), huawei.CPUID())
	assert.NotEqual(t, android.AuthKey(), huawei.AuthKey())
	assert.Equal(t, android.AuthKey(), newPhone(t, s, alice, Android).AuthKey(), "the same phone again")
	assert.NotEqual(t, android.CPUID(), newPhone(t, s, bob, Android).CPUID())
}

func TestSignCarriesAnyChallenge(t *testing.T) {
	s := newSandbox(t, Options{})
	for _, m := range models {
		phone := newPhone(t, s, alice, m.Device)
		for name, challenge := range map[string]string{
			"one character":  "c",
			"HTML":           "<script>&amp;</script>",
			"JSON":           `","fid":"1`,
			"our own names":  "$uid$raw$counter",
			"backslashes":    `\\u0041\/`,
			"slashes":        "//",
			"controls":       "\x00\x01\b\f\n\r\t\x1f\x7f",
			"line separator": "a\u2028b\u2029c",
			"replacement":    "\ufffd\ufeff",
			"emoji":          "👩‍👩‍👧",
			"512 emoji":      strings.Repeat("😀", 512),
			"512 controls":   strings.Repeat("\x01", 512),
		} {
			signed, err := phone.Sign(challenge)
			require.NoError(t, err, name)
			assert.Equal(t, challenge, judge(t, phone, signed).Raw, "%s, %s", m.Device, name)
		}
	}
}

func TestSignRefusesChallenges(t *testing.T) {
	phone := newPhone(t, newSandbox(t, Options{}), alice, Android)
	for challenge, reason := range map[string]string{
		"":                       "challenge has 0 characters, want 1 to 512",
		strings.Repeat("😀", 513): "challenge has 513 characters",
		"\xff":                   "challenge is not UTF-8",
		"\xed\xa0\x80":           "challenge is not UTF-8",
	} {
		_, err := phone.Sign(challenge)
		require.ErrorIs(t, err, ErrArgument)
		assert.ErrorContains(t, err, reason)
	}
	signed, err := phone.Sign("c")
	require.NoError(t, err)
	assert.EqualValues(t, 3, judge(t, phone, signed).Counter, "refusals do not count")
}

func TestPhoneRefusesArguments(t *testing.T) {
	s := newSandbox(t, Options{})
	for name, tt := range map[string]struct {
		openid string
		device Device
		reason string
	}{
		"no openid":     {"", Android, "openid has 0 bytes"},
		"long openid":   {strings.Repeat("o", 129), Android, "openid has 129 bytes"},
		"broken openid": {"o\xff", Android, "openid is not UTF-8"},
		"no device":     {alice, "", `device ""`},
		"other device":  {alice, "../android", `device "../android"`},
	} {
		_, err := s.Phone(tt.openid, tt.device)
		require.ErrorIs(t, err, ErrArgument, name)
		assert.ErrorContains(t, err, tt.reason)
	}
	newPhone(t, s, alice, Android)
}

func TestSignPKCS1v15IsRefusedForItsPadding(t *testing.T) {
	phone := newPhone(t, newSandbox(t, Options{}), alice, AndroidPlain)
	signed, err := phone.SignPKCS1v15("c")
	require.NoError(t, err)
	key, err := soter.ParsePublicKey([]byte(phone.AuthKey()))
	require.NoError(t, err)
	_, err = key.VerifyResult(signed.JSONString, signed.JSONSignature)
	assert.ErrorIs(t, err, soter.ErrWrongSignature)
}

// TestServerSeesPhonesOfOtherProcesses is `sign` in one process and `invoke`
// in another, with a server that was running before either.
func TestServerSeesPhonesOfOtherProcesses(t *testing.T) {
	dir := t.TempDir()
	server := newClient(t, Options{Dir: dir})
	token := server.stable(false).AccessToken
	other := newSandbox(t, Options{Dir: dir})

	signed, err := newPhone(t, other, alice, Huawei).Sign("c")
	require.NoError(t, err)
	assert.True(t, *server.verify(token, signed).IsOK)

	again := newPhone(t, server.s, alice, Huawei)
	assert.Equal(t, newPhone(t, other, alice, Huawei).AuthKey(), again.AuthKey())
	signed, err = again.Sign("c")
	require.NoError(t, err)
	assert.EqualValues(t, 4, judge(t, again, signed).Counter, "one counter for both")
}

func TestCounterNeverRepeatsAcrossSandboxes(t *testing.T) {
	const goroutines, each = 4, 8
	for name, dir := range map[string]string{"memory": "", "folder": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			one := newSandbox(t, Options{Dir: dir})
			two := one
			if dir != "" {
				two = newSandbox(t, Options{Dir: dir})
			}
			var mu sync.Mutex
			var counters []float64
			var wg sync.WaitGroup
			for g := range goroutines {
				s := []*Sandbox{one, two}[g%2]
				wg.Go(func() {
					phone, err := s.Phone(alice, Android) // they race to enrol, too
					if !assert.NoError(t, err) {
						return
					}
					before := 0.0
					for range each {
						signed, err := phone.Sign("c")
						if !assert.NoError(t, err) {
							return
						}
						counter := judge(t, phone, signed).Counter.(float64)
						assert.Greater(t, counter, before)
						before = counter
						mu.Lock()
						counters = append(counters, counter)
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			slices.Sort(counters)
			require.Len(t, counters, goroutines*each)
			for i, counter := range counters {
				assert.EqualValues(t, i+3, counter)
			}
		})
	}
}

func TestFolderStaysInsideAndPrivate(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "phones")
	s := newSandbox(t, Options{Dir: dir})
	openids := []string{"../../escape", "/etc/passwd", "..", ".", "o\x00o", "oABC", "oabc", `a\b`, "con", "微信", strings.Repeat("o", 128)}
	for _, openid := range openids {
		newPhone(t, s, openid, IOS)
	}

	beside, err := os.ReadDir(parent)
	require.NoError(t, err)
	assert.Len(t, beside, 1)
	folders, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, folders, len(openids), "one folder per openid, also where only the case differs")
	for _, folder := range folders {
		assert.Regexp(t, regexp.MustCompile(`^[a-z2-7]{1,205}$`), folder.Name())
	}
	require.NoError(t, filepath.WalkDir(parent, func(path string, entry os.DirEntry, err error) error {
		if err != nil || path == parent {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		assert.Zero(t, info.Mode().Perm()&0o077, path)
		if !entry.IsDir() {
			assert.Contains(t, []string{"ios.json", "lock"}, entry.Name(), "nothing temporary is left")
		}
		return nil
	}))
}

func TestFileUnderAnotherNameIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := newSandbox(t, Options{Dir: dir})
	newPhone(t, s, alice, IOS)
	newPhone(t, s, bob, IOS)
	f := s.phones.(folderPhones)
	require.NoError(t, os.Rename(f.file(alice, IOS), f.file(bob, IOS)))
	_, err := s.Phone(bob, IOS)
	require.ErrorContains(t, err, "belongs to")
}

func TestPhoneWhoseFileIsGoneCannotSign(t *testing.T) {
	s := newSandbox(t, Options{Dir: t.TempDir()})
	phone := newPhone(t, s, alice, IOS)
	require.NoError(t, os.Remove(s.phones.(folderPhones).file(alice, IOS)))
	_, err := phone.Sign("c")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestNewRefusesAFolderThatIsAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := New(Options{Dir: file})
	require.ErrorContains(t, err, "folder of phones")
}
