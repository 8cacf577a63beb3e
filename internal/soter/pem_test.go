package soter

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// strictPEM is RFC 7468's strict form, apart from the length of the lines: an
// independent reader of what readPEM accepts.
var strictPEM = regexp.MustCompile(`\A-----BEGIN ([A-Z ]+)-----?\r?\n((?:[A-Za-z0-9+/]+={0,2}\r?\n)+)-----END ([A-Z ]+)-----?\r?\n?\z`)

// mime is the reader of Java's CertificateFactory: from the first line with
// dashes to the next dash, and whatever is not base64 is passed over.
func mime(t *testing.T, text string) []byte {
	t.Helper()
	if _, rest, ok := strings.Cut(text, "-----BEGIN"); ok {
		_, text, _ = strings.Cut(rest, "\n")
	}
	text, _, _ = strings.Cut(text, "-")
	return decoded(t, regexp.MustCompile(`[^A-Za-z0-9+/=]`).ReplaceAllString(text, ""))
}

func decoded(t *testing.T, text string) []byte {
	t.Helper()
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	require.NoError(t, err)
	return der
}

// requireSameBlock checks that three other readers of an accepted certificate
// see the bytes that we see.
func requireSameBlock(t *testing.T, text string, der []byte) {
	t.Helper()
	parts := strictPEM.FindStringSubmatch(text)
	require.NotNil(t, parts, "%q", text)
	require.Equal(t, "CERTIFICATE", parts[1])
	require.Equal(t, parts[1], parts[3])
	require.Equal(t, der, decoded(t, parts[2]))
	require.Equal(t, der, mime(t, text))
	if block, rest := pem.Decode([]byte(text)); block != nil { // it knows no label with four dashes
		require.Equal(t, der, block.Bytes)
		require.Empty(t, rest)
	}
}

// requireSameKey is requireSameBlock for a key in text.
func requireSameKey(t *testing.T, text []byte, key *PublicKey) {
	t.Helper()
	trimmed, body := strings.Trim(string(text), " \t\r\n"), ""
	if parts := strictPEM.FindStringSubmatch(trimmed); parts != nil {
		require.Equal(t, parts[1], parts[3])
		body = parts[2]
	} else {
		require.Regexp(t, `\A[A-Za-z0-9+/=\r\n]+\z`, trimmed)
		body = trimmed
	}
	der := decoded(t, body)
	same, err := parseSPKI(der)
	require.NoError(t, err)
	require.True(t, key.Equal(same))
	require.Equal(t, der, mime(t, trimmed))
	if block, rest := pem.Decode([]byte(trimmed)); block != nil {
		require.Equal(t, der, block.Bytes)
		require.Empty(t, rest)
	}
}

// requireExactCase checks that a parser which folds case finds no other member.
func requireExactCase(t *testing.T, members map[string]any) {
	t.Helper()
	for name := range members {
		for _, ours := range []string{"pub_key", "certs", "cpu_id", "uid", "counter", "rsa_pss_saltlen"} {
			require.False(t, name != ours && strings.EqualFold(name, ours), "%q", name)
		}
	}
}

// oddPEM are texts around one block, in which at least one common reader finds
// something else than the others, or nothing.
func oddPEM(block, otherBlock string) map[string]string {
	lines := strings.SplitAfter(block, "\n")
	beginLine, first, end := lines[0], lines[1], lines[len(lines)-2]
	body := strings.Join(lines[1:len(lines)-2], "")
	otherBody := strings.Join(strings.SplitAfter(otherBlock, "\n")[1:], "")
	label := strings.TrimSuffix(strings.TrimPrefix(beginLine, "-----BEGIN "), "-----\n")
	return map[string]string{
		"a block that Go skips, then this":   beginLine + "!" + otherBody + block,
		"this, then a second":                block + otherBlock,
		"text before BEGIN":                  "x\n" + block,
		"text after END":                     block + "x",
		"text after the END line":            strings.TrimSuffix(block, "\n") + "x\n",
		"base64 behind BEGIN":                strings.Replace(block, "-----\n", "-----"+first, 1),
		"base64 before BEGIN":                first + block,
		"a header":                           strings.Replace(block, "-----\n", "-----\nProc-Type: 4\n\n", 1),
		"labels that differ":                 strings.Replace(block, "END "+label, "END X", 1),
		"no label":                           strings.ReplaceAll(block, " "+label, " "),
		"no base64":                          beginLine + end,
		"an empty line":                      strings.Replace(block, "\n"+first, "\n\n"+first, 1),
		"a blank in a line":                  beginLine + " " + body + end,
		"a character that is none":           beginLine + "*" + body + end,
		"a CR inside a line":                 beginLine + body[:8] + "\r" + body[8:] + end,
		"one line of two paddings":           beginLine + "AA==\n" + body + end,
		"dashes in the body":                 beginLine + "-----\n" + body + end,
		"lower case":                         strings.ReplaceAll(strings.ReplaceAll(block, "BEGIN", "begin"), "END", "end"),
		"BEGIN line without its end of line": strings.Replace(block, "-----\n", "-----", 1),
	}
}

func TestACertificateIsOnePEMBlock(t *testing.T) {
	leaf, device := certPEM(honestLeaf().build(t)), certPEM(deviceCertificate(t, otherKey()))
	parse := func(leaf string) (ASK, error) { return ParseASK(certsJSON(t, []string{leaf, device}, "")) }
	for name, twin := range map[string]string{
		"as it is recorded":    leaf,
		"without the last LF":  strings.TrimSuffix(leaf, "\n"),
		"CRLF":                 strings.ReplaceAll(leaf, "\n", "\r\n"),
		"one long base64 line": "-----BEGIN CERTIFICATE-----\n" + base64Text(honestDER(t, leaf)) + "\n-----END CERTIFICATE-----\n",
	} {
		ask, err := parse(twin)
		require.NoError(t, err, name)
		assert.Equal(t, honestDER(t, leaf), ask.Certificates[0])
	}
	bad := oddPEM(leaf, certPEM(honestLeaf().build(t)))
	bad["an empty line after END"] = leaf + "\n"
	bad["an empty line before BEGIN"] = "\n" + leaf
	bad["bits left over"] = leftOverBits(t, leaf)
	for name, text := range bad {
		ask, err := parse(text)
		require.ErrorIs(t, err, ErrMalformed, name)
		require.ErrorContains(t, err, "one PEM certificate at 0", name)
		require.Zero(t, ask)
	}
}

func honestDER(t *testing.T, text string) []byte {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	require.NotNil(t, block)
	return block.Bytes
}

// leftOverBits writes the last base64 character before the padding with bits
// set that belong to no byte.
func leftOverBits(t *testing.T, text string) string {
	t.Helper()
	der := honestDER(t, text)
	der = append(der, make([]byte, 1+(3-(len(der)+1)%3)%3)...) // so that there is no padding yet
	long := base64Text(der[:len(der)/3*3-2])
	require.True(t, strings.HasSuffix(long, "=="))
	return "-----BEGIN CERTIFICATE-----\n" + long[:len(long)-3] + "B==\n-----END CERTIFICATE-----\n"
}

func TestAKeyIsOnePEMBlock(t *testing.T) {
	text := string(publicKey(t, deviceKey()).PEM())
	_, err := ParsePublicKey([]byte("\n " + text + "\n\n"))
	require.NoError(t, err, "the twin")
	for name, odd := range oddPEM(text, string(publicKey(t, otherKey()).PEM())) {
		key, err := ParsePublicKey([]byte(odd))
		require.ErrorIs(t, err, ErrMalformed, name)
		require.Nil(t, key, name)
	}
}

func TestNamesAreTakenInTheirExactCase(t *testing.T) {
	other, err := json.Marshal(string(publicKey(t, deviceKey()).PEM()))
	require.NoError(t, err)
	members := map[string]string{"pub_key": string(other), "cpu_id": `"c2"`, "uid": `"u2"`, "counter": `9`, "rsa_pss_saltlen": `20`, "certs": `[]`}
	twin := keyJSON(t, otherKey(), authKeyMembers)
	leaf, device := certPEM(honestLeaf().build(t)), certPEM(deviceCertificate(t, otherKey()))
	attest := func(challenge string) error {
		recipe := honestLeaf()
		recipe.challenge = challenge
		_, err := ParseASK(certsJSON(t, []string{certPEM(recipe.build(t)), device}, ""))
		return err
	}
	require.NoError(t, attest(attested), "the twin")
	for _, name := range []string{
		"Pub_Key", "PUB_KEY", "pub_Key", "pub_\u212aey", "CPU_ID", "Cpu_id", "UID", "Uid", "Counter", "COUNTER", "rsa_PSS_saltlen", "r\u017fa_pss_saltlen",
		"CERTS", "Certs", "cert\u017f",
	} {
		ours := strings.NewReplacer("\u212a", "k", "\u017f", "s").Replace(strings.ToLower(name))
		value, known := members[ours]
		require.True(t, known, name)
		says := `is not spelled "` + ours + `"`
		surplus := `,"` + name + `":` + value + `}`

		_, err := ParseAuthKey([]byte(strings.TrimSuffix(twin, "}") + surplus))
		require.ErrorIs(t, err, ErrMalformed, name)
		require.ErrorContains(t, err, says)
		_, err = ParseASK([]byte(strings.TrimSuffix(twin, "}") + surplus))
		require.ErrorContains(t, err, says)
		_, err = ParseASK(certsJSON(t, []string{leaf, device}, strings.TrimSuffix(surplus, "}")))
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, attest(strings.TrimSuffix(attested, "}")+surplus), says)

		// In place of ours, not beside it.
		if old := `"` + ours + `"`; strings.Contains(twin, old) {
			_, err = ParseAuthKey([]byte(strings.Replace(twin, old, `"`+name+`"`, 1)))
			require.ErrorContains(t, err, says)
		}
	}
	for _, name := range []string{"x", "pubkey", "key", "uids"} {
		_, err := ParseAuthKey([]byte(strings.TrimSuffix(twin, "}") + `,"` + name + `":1}`))
		require.NoError(t, err, "the twin: other names are nobody's")
	}
}
