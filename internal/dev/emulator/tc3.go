package emulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TC3Key is an API key of Tencent Cloud. The zero TC3Key accepts any key: nothing is
// verified.
type TC3Key struct{ SecretID, SecretKey string }

// tc3MaxSkew bounds the difference between X-TC-Timestamp and the time.
const tc3MaxSkew = 5 * time.Minute

// Refusals, in the words of the page of common error codes.
var (
	errTC3Authorization = &scfAPIError{tc3Authorization, "AuthFailure.InvalidAuthorization", "Authorization in the request header is invalid."}
	errTC3SecretID      = &scfAPIError{tc3SecretID, "AuthFailure.SecretIdNotFound", "The SecretId is not found, please ensure that your SecretId is correct."}
	errTC3Expired       = &scfAPIError{tc3Expired, "AuthFailure.SignatureExpire", "Signature expired. Timestamp and server time cannot differ by more than five minutes."}
	errTC3Signature     = &scfAPIError{tc3Signature, "AuthFailure.SignatureFailure", "The provided credentials could not be validated. Please check your signature is correct."}
)

// Verify reports what is wrong with the signature of a request to Tencent Cloud's API.
func (key TC3Key) Verify(r *http.Request, body []byte, now time.Time) error {
	if refused := key.verify(r, body, now); refused != nil {
		return errors.New(refused.Code + ": " + refused.Message)
	}
	return nil
}

// verify checks a TC3-HMAC-SHA256 signature: Tencent Cloud API documentation, page
// "Signature v3". With a foreign endpoint the SDKs differ in two things, and both forms are
// accepted. The service in the scope is the first label of the endpoint's name, and the
// host is signed with or without its port.
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
