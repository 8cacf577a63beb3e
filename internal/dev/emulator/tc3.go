package emulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TC3Key is an API key of Tencent Cloud. The zero TC3Key stands for all of them: nothing is verified.
type TC3Key struct{ SecretID, SecretKey string }

// tc3MaxSkew is how far X-TC-Timestamp may be from the time: Tencent Cloud API documentation, common error codes,
// AuthFailure.SignatureExpire.
const tc3MaxSkew = 5 * time.Minute

// Refusals, in the words of the same page.
var (
	errTC3Authorization = &scfAPIError{"AuthFailure.InvalidAuthorization", "Authorization in the request header is invalid."}
	errTC3SecretID      = &scfAPIError{"AuthFailure.SecretIdNotFound", "The SecretId is not found, please ensure that your SecretId is correct."}
	errTC3Expired       = &scfAPIError{"AuthFailure.SignatureExpire", "Signature expired. Timestamp and server time cannot differ by more than five minutes."}
	errTC3Signature     = &scfAPIError{"AuthFailure.SignatureFailure", "The provided credentials could not be validated. Please check your signature is correct."}
)

// verify checks a TC3-HMAC-SHA256 signature: Tencent Cloud API documentation, page "Signature v3". Two things differ from
// one SDK to the next as soon as the endpoint is not the platform's, and both are taken: the service in the scope is the
// first label of the endpoint's name, and the host is signed with its port or without.
func (key TC3Key) verify(r *http.Request, body []byte, now time.Time) *scfAPIError {
	if key == (TC3Key{}) {
		return nil
	}
	parameters, ok := strings.CutPrefix(r.Header.Get("Authorization"), "TC3-HMAC-SHA256 ")
	if !ok {
		return errTC3Authorization
	}
	values := map[string]string{}
	for parameter := range strings.SplitSeq(parameters, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		values[name] = value
	}
	scope := strings.Split(values["Credential"], "/") // secret id, date, service, tc3_request
	signature, err := hex.DecodeString(values["Signature"])
	if len(scope) != 4 || err != nil {
		return errTC3Authorization
	}
	if scope[0] != key.SecretID {
		return errTC3SecretID
	}
	seconds, err := strconv.ParseInt(r.Header.Get("X-TC-Timestamp"), 10, 64)
	if err != nil {
		return errTC3Authorization
	}
	at := time.Unix(seconds, 0).UTC()
	if now.Sub(at).Abs() > tc3MaxSkew {
		return errTC3Expired
	}
	signed := strings.Split(values["SignedHeaders"], ";")
	if scope[1] != at.Format(time.DateOnly) || scope[3] != "tc3_request" || !slices.Contains(signed, "content-type") || !slices.Contains(signed, "host") {
		return errTC3Signature
	}
	name, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		name = r.Host
	}
	for _, host := range []string{r.Host, name} {
		if hmac.Equal(signature, key.sign(r, host, signed, body, seconds, scope)) {
			return nil
		}
	}
	return errTC3Signature
}

func (key TC3Key) sign(r *http.Request, host string, signedHeaders []string, body []byte, seconds int64, scope []string) []byte {
	var canonical strings.Builder
	canonical.WriteString(r.Method + "\n" + r.URL.EscapedPath() + "\n" + r.URL.RawQuery + "\n")
	for _, name := range signedHeaders {
		value := r.Header.Get(name)
		if name == "host" {
			value = host
		}
		canonical.WriteString(name + ":" + strings.ToLower(strings.TrimSpace(value)) + "\n")
	}
	canonical.WriteString("\n" + strings.Join(signedHeaders, ";") + "\n" + hexDigest(body))

	text := "TC3-HMAC-SHA256\n" + strconv.FormatInt(seconds, 10) + "\n" + strings.Join(scope[1:], "/") + "\n" + hexDigest([]byte(canonical.String()))
	derived := []byte("TC3" + key.SecretKey)
	for _, part := range append(scope[1:len(scope):len(scope)], text) {
		mac := hmac.New(sha256.New, derived)
		mac.Write([]byte(part))
		derived = mac.Sum(nil)
	}
	return derived
}

func hexDigest(b []byte) string {
	digest := sha256.Sum256(b)
	return hex.EncodeToString(digest[:])
}
