package sandbox

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Device is the make of a phone, by its name in requests. It decides the form of a
// resultJSON and the length of the signature's salt. [Devices] lists all of them.
type Device string

// The devices. The table that [Devices] returns has the features of each, and their
// sources.
const (
	Android      Device = "android"
	AndroidPlain Device = "android-plain"
	AndroidSlash Device = "android-slash"
	Huawei       Device = "huawei"
	IOS          Device = "ios"
	IOSOld       Device = "ios-old"
	HarmonyOS    Device = "harmonyos"
	NoCounter    Device = "no-counter"
	Salt64       Device = "salt-64"
)

// DeviceInfo is a row of the table of devices.
type DeviceInfo struct {
	Device Device `json:"device"`

	// Signs describes, for a developer, what is particular to the text that it signs.
	Signs string `json:"signs"`

	// Source is the record of a phone that does so.
	Source string `json:"source"`

	// Invented marks a device that nobody has recorded. It signs what an unknown phone may
	// sign, to expose a server that demands more than WeChat does.
	Invented bool `json:"invented"`
}

// model is the sandbox's description of a device.
type model struct {
	DeviceInfo

	// result is the template of the text that is signed: like trusted environments, it is
	// filled in without escaping. $raw is the challenge as a JSON string, quotes included;
	// the other values go in unescaped.
	result string

	salt     int // bytes of the PSS salt
	identity func() identity
	slash    bool // "/" is written as \/
}

// identity distinguishes one phone from another. A device without one of them leaves it out
// of its result.
type identity struct{ cpuID, uid, fid string }

const (
	serverSample = "Tencent/soter, soter-samples/server-sample/java/example/"
	community    = "WeChat developer community, "
	invented     = "nobody has recorded it"
)

// models is the table of devices; the first is the default. Names, versions and numbers are
// made up in the form of recorded ones.
var models = []model{
	{
		DeviceInfo: DeviceInfo{
			Device: Android,
			Signs:  `fid is 64 hex digits and a NUL, a raw byte 0x00 inside a JSON string, so that strict JSON parsers refuse the text`,
			Source: community + `post 0000e8de568d80b67e799ea5c5c800 (tee_n "uT_TEE", WeChat 7.0.7); its \/ are those of the sender's encoder`,
		},
		result:   `{"raw":$raw,"fid":"$fid","counter":$counter,"tee_n":"uT_TEE","tee_v":"1.0","fp_n":"fpc","fp_v":"1.2","cpu_id":"$cpu_id","uid":"$uid"}`,
		salt:     20,
		identity: func() identity { return identity{randomHex(40), appUID(), randomHex(64) + "\x00"} },
	},
	{
		DeviceInfo: DeviceInfo{
			Device: AndroidPlain,
			Signs:  "the nine documented fields",
			Source: serverSample + "final_json.txt (MediaTek); wx.startSoterAuthentication",
		},
		result:   mediaTek,
		salt:     20,
		identity: mediaTekIdentity,
	},
	{
		DeviceInfo: DeviceInfo{
			Device: AndroidSlash,
			Signs:  `a "/" is written as \/, and that text is signed: do not parse it and write it again`,
			Source: serverSample + "auth_key_json.txt (MediaTek), where the AuthKey's text has them",
		},
		result:   mediaTek,
		salt:     20,
		identity: mediaTekIdentity,
		slash:    true,
	},
	{
		DeviceInfo: DeviceInfo{
			Device: Huawei,
			Signs:  "the salt has 32 bytes and rsa_pss_saltlen says so; bo_t, fc_n and fc_v are added",
			Source: serverSample + "hw_final_json.txt; Tencent/soter issues 61, 68, 69 and 76",
		},
		result: `{"bo_t":"1","raw":$raw,"fid":"$fid","counter":$counter,"tee_n":"hwteeos","tee_v":"version_1.0",` +
			`"fp_n":"fpc_sandbox","fp_v":"sandbox_1.0","rsa_pss_saltlen":32,"cpu_id":"$cpu_id","uid":"$uid","fc_n":"hwbioalgo","fc_v":"bioalgo_1.0"}`,
		salt: 32,
		identity: func() identity {
			return identity{"HUAWEI_SANDBOX_" + uuid() + "-" + randomHex(8), appUID(), decimal(randomUint32())}
		},
	},
	{
		DeviceInfo: DeviceInfo{
			Device: IOS,
			Signs:  "only raw, counter, cpu_id (a UUID) and uid (32 hex digits)",
			Source: community + "results of iPhones, fingerprint and facial",
		},
		result:   `{"raw":$raw,"counter":$counter,"cpu_id":"$cpu_id","uid":"$uid"}`,
		salt:     20,
		identity: appleIdentity,
	},
	{
		DeviceInfo: DeviceInfo{
			Device: IOSOld,
			Signs:  "the same four fields, with counter as a string",
			Source: community + "results of iPhones with older versions of iOS",
		},
		result:   `{"raw":$raw,"counter":"$counter","cpu_id":"$cpu_id","uid":"$uid"}`,
		salt:     20,
		identity: appleIdentity,
	},
	{
		DeviceInfo: DeviceInfo{
			Device:   HarmonyOS,
			Signs:    "unknown fields, one of them nested; uid is a number; blanks between the members",
			Source:   invented + "; wx.startSoterAuthentication says only that WeChat for HarmonyOS supports it",
			Invented: true,
		},
		result: `{ "ver": 1, "raw": $raw, "auth": {"type": ["FINGERPRINT"], "level": "ATL3"}, "counter": $counter, ` +
			`"cpu_id": "$cpu_id", "uid": $uid, "os_n": "HarmonyOS", "os_v": null }`,
		salt:     20,
		identity: func() identity { return identity{uuid(), appUID(), ""} },
	},
	{
		DeviceInfo: DeviceInfo{
			Device:   NoCounter,
			Signs:    "raw and nothing else: no counter, cpu_id and uid",
			Source:   invented,
			Invented: true,
		},
		result:   `{"raw":$raw}`,
		salt:     20,
		identity: func() identity { return identity{} },
	},
	{
		DeviceInfo: DeviceInfo{
			Device:   Salt64,
			Signs:    "the salt has 64 bytes and rsa_pss_saltlen says so",
			Source:   invented,
			Invented: true,
		},
		result:   `{"raw":$raw,"counter":$counter,"rsa_pss_saltlen":64,"cpu_id":"$cpu_id","uid":"$uid"}`,
		salt:     64,
		identity: func() identity { return identity{uuid(), appUID(), ""} },
	},
}

const mediaTek = `{"raw":$raw,"fid":"$fid","counter":$counter,"tee_n":"t-base-sandbox","tee_v":"10010",` +
	`"fp_n":"FPC","fp_v":"6516","cpu_id":"$cpu_id","uid":"$uid"}`

func mediaTekIdentity() identity {
	return identity{randomHex(40), appUID(), decimal(randomUint32())}
}

func appleIdentity() identity { return identity{strings.ToUpper(uuid()), randomHex(32), ""} }

// Devices returns the table of devices, for documentation and help. The first is the
// default.
func Devices() []DeviceInfo {
	infos := make([]DeviceInfo, len(models))
	for i, m := range models {
		infos[i] = m.DeviceInfo
	}
	return infos
}

// DeviceNames returns the names of all devices, for the help of a command:
// "android, android-plain, …".
func DeviceNames() string {
	var names []string
	for _, m := range models {
		names = append(names, string(m.Device))
	}
	return strings.Join(names, ", ")
}

// ParseDevice reads the name of a device. The error is ErrArgument.
func ParseDevice(name string) (Device, error) {
	if _, err := Device(name).model(); err != nil {
		return "", err
	}
	return Device(name), nil
}

func (d Device) model() (model, error) {
	i := slices.IndexFunc(models, func(m model) bool { return m.Device == d })
	if i < 0 {
		return model{}, fmt.Errorf("%w: device %q, want one of %s", ErrArgument, string(d), DeviceNames())
	}
	return models[i], nil
}

// resultJSON returns the text that the phone signs.
func (m model) resultJSON(r record, challenge string, counter uint64) (string, error) {
	raw, err := jsontext.AppendQuote(nil, challenge)
	if err != nil {
		return "", fmt.Errorf("sandbox: writing a resultJSON: %w", err)
	}
	// A Replacer scans nothing twice: a challenge with "$uid" in it stays unchanged.
	text := strings.NewReplacer(
		"$raw", string(raw),
		"$fid", r.FID,
		"$counter", strconv.FormatUint(counter, 10),
		"$cpu_id", r.CPUID,
		"$uid", r.UID,
	).Replace(m.result)
	if m.slash {
		// No escape sequence contains a slash, so each one stands for itself.
		return strings.ReplaceAll(text, "/", `\/`), nil
	}
	return text, nil
}

// appUID returns a number as Android gives an installed app.
func appUID() string { return decimal(10000 + randomUint32()%10000) }

func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

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
