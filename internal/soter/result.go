package soter

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// maxResult bounds a resultJSON, in bytes; those of real devices have 105 to 576.
const maxResult = 8 << 10

// Result is the content of a resultJSON. Trust none of it before VerifyResult has accepted
// the signature.
type Result struct {
	Raw     string // the challenge, as the Mini Program passed it
	Counter uint64 // grows with every signature on the device, never 0
	CPUID   string // cpu_id, the device
	UID     string // uid, the app on that device; a number is given as its decimal text
	FID     string // fid, the finger, unique within one cpu_id; "" on iOS, may end in NUL

	TEEName, TEEVersion string // tee_n, tee_v: the trusted environment; "" on iOS
	FPName, FPVersion   string // fp_n, fp_v: the fingerprint sensor; "" on iOS

	Salt Salt // rsa_pss_saltlen; Salt20 if the device does not say
}

// ParseResult reads a resultJSON without judging its signature: a flat JSON object of at
// most 8 KiB, in UTF-8, with exact and unique names. It must have raw, counter, cpu_id and
// uid. Unknown names may carry any string, number or literal, but none may differ from a
// known one by case alone. The counter is a whole number above 0, also in quotes (older
// iOS). rsa_pss_saltlen is absent, 20 or 32.
//
// One departure from JSON is accepted: unescaped control characters in the value of a
// member. Some phones sign a fid that ends in the byte 0x00 (tee_n "uT_TEE", WeChat
// developer forum, 0000e8de568d80b67e799ea5c5c800).
//
// The error is ErrMalformed, and the Result with it is zero. Use ParseResult if you judge
// the signature yourself; if another party does, see [ParseClaims].
func ParseResult[Text string | []byte](jsonString Text) (Result, error) {
	var r resultReader
	if err := r.read([]byte(jsonString)); err != nil {
		return Result{}, fmt.Errorf("resultJSON: %w: %w", ErrMalformed, err)
	}
	r.result.CPUID, r.result.UID, r.result.Counter, r.result.Salt = r.cpuID, r.uid, r.counter, r.salt
	return r.result, nil
}

type resultReader struct {
	identity
	result Result
}

func (r *resultReader) read(jsonString []byte) error {
	if err := checkSize(jsonString, maxResult); err != nil {
		return err
	}
	if err := readFlat(escapeControls(jsonString), r); err != nil {
		return err
	}
	if r.result.Raw == "" {
		return errors.New("raw is missing or empty")
	}
	return r.complete()
}

// resultNames are the members that Result has fields for.
var resultNames = []string{"raw", "counter", "cpu_id", "uid", "fid", "tee_n", "tee_v", "fp_n", "fp_v", "rsa_pss_saltlen"}

func (r *resultReader) member(name []byte, value jsontext.Token) error {
	switch string(name) {
	case "raw":
		return readString(&r.result.Raw, value)
	case "fid":
		return readString(&r.result.FID, value)
	case "tee_n":
		return readString(&r.result.TEEName, value)
	case "tee_v":
		return readString(&r.result.TEEVersion, value)
	case "fp_n":
		return readString(&r.result.FPName, value)
	case "fp_v":
		return readString(&r.result.FPVersion, value)
	case "counter", "cpu_id", "uid", "rsa_pss_saltlen":
		return r.identity.member(name, value)
	}
	return checkName(name, resultNames...)
}
