package sandbox

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"sotercall/internal/soter"
)

// Device is the make of a phone. It decides what a resultJSON looks like and
// how long the salt of the signature is.
type Device string

// The makes, after results of real devices: Tencent/soter
// soter-samples/server-sample (final_json, hw_final_json) and results shown in
// WeChat's developer community.
const (
	Android Device = "android" // fid ends in NUL, "/" is written as \/, salt of 20 bytes
	Huawei  Device = "huawei"  // announces rsa_pss_saltlen 32, has bo_t, fc_n and fc_v
	IOS     Device = "ios"     // only raw, counter, cpu_id and uid, salt of 20 bytes
)

// ParseDevice reads "android", "huawei" or "ios". The error is ErrArgument.
func ParseDevice(name string) (Device, error) {
	switch d := Device(name); d {
	case Android, Huawei, IOS:
		return d, nil
	}
	return "", fmt.Errorf("%w: device %q, want %q, %q or %q", ErrArgument, name, Android, Huawei, IOS)
}

var devices = []Device{Android, Huawei, IOS}

func (d Device) salt() soter.Salt {
	if d == Huawei {
		return soter.Salt32
	}
	return soter.Salt20
}

// identity makes up what tells one phone from another.
func (d Device) identity() (cpuID, uid, fid string) {
	switch d {
	case Huawei:
		return "HUAWEI_SANDBOX_" + uuid() + "-" + randomHex(8), appUID(), fmt.Sprint(randomUint32())
	case IOS:
		return strings.ToUpper(uuid()), randomHex(32), ""
	default: // Android
		return randomHex(40), appUID(), randomHex(62) + "\x00"
	}
}

// appUID is Android's number of an installed app.
func appUID() string { return fmt.Sprint(10000 + randomUint32()%10000) }

func uuid() string {
	h := randomHex(32)
	return strings.Join([]string{h[:8], h[8:12], "4" + h[13:16], "a" + h[17:20], h[20:]}, "-")
}

func randomHex(digits int) string {
	b := make([]byte, digits/2)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return hex.EncodeToString(b)
}

func randomUint32() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return binary.BigEndian.Uint32(b[:])
}

// resultJSON has the members in the order of the published results; a make that
// lacks one leaves it out.
type resultJSON struct {
	BoT        string     `json:"bo_t,omitzero"`
	Raw        string     `json:"raw"`
	FID        string     `json:"fid,omitzero"`
	Counter    uint64     `json:"counter"`
	TEEName    string     `json:"tee_n,omitzero"`
	TEEVersion string     `json:"tee_v,omitzero"`
	FPName     string     `json:"fp_n,omitzero"`
	FPVersion  string     `json:"fp_v,omitzero"`
	SaltLen    soter.Salt `json:"rsa_pss_saltlen,omitzero"`
	CPUID      string     `json:"cpu_id"`
	UID        string     `json:"uid"`
	FCName     string     `json:"fc_n,omitzero"`
	FCVersion  string     `json:"fc_v,omitzero"`
}

// resultJSON writes the text that is signed.
func (r record) resultJSON(challenge string, counter uint64) (string, error) {
	result := resultJSON{Raw: challenge, FID: r.FID, Counter: counter, CPUID: r.CPUID, UID: r.UID}
	switch r.Device {
	case Android:
		result.TEEName, result.TEEVersion = "uT_TEE/sandbox", "1.0"
		result.FPName, result.FPVersion = "fpc", "1.2"
	case Huawei:
		result.BoT = "1"
		result.TEEName, result.TEEVersion = "hwteeos", "version_1.0"
		result.FPName, result.FPVersion = "fpc_sandbox", "sandbox_1.0"
		result.SaltLen = soter.Salt32
		result.FCName, result.FCVersion = "hwbioalgo", "bioalgo_1.0"
	}
	text, err := json.Marshal(result)
	if err != nil {
		return "", fmt.Errorf("sandbox: writing a resultJSON: %w", err)
	}
	if r.Device == Android {
		// No escape sequence contains a slash, so each one stands for itself.
		return strings.ReplaceAll(string(text), "/", `\/`), nil
	}
	return string(text), nil
}
