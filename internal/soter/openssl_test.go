package soter

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"sotercall/internal/test/need"

	"github.com/stretchr/testify/require"
)

// openssl answers a runner of the openssl command in a folder of its own, which
// holds private.pem, public.pem and message.
func openssl(t *testing.T) (folder string, run func(args ...string) error) {
	t.Helper()
	command := need.Program(t, "openssl")
	folder = t.TempDir()
	private, err := x509.MarshalPKCS8PrivateKey(deviceKey())
	require.NoError(t, err)
	for name, content := range map[string][]byte{
		"private.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		"public.pem":  publicKey(t, deviceKey()).PEM(),
		"message":     tamperedMessage,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	return folder, func(args ...string) error {
		cmd := exec.CommandContext(t.Context(), command, args...)
		cmd.Dir = folder
		return cmd.Run()
	}
}

// TestOpenSSLAgrees signs with openssl in many ways, and holds the verdict of
// Tencent's documented command ("openssl dgst -sha256 -sigopt
// rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20 -verify") against ours.
func TestOpenSSLAgrees(t *testing.T) {
	folder, run := openssl(t)
	key := publicKey(t, deviceKey())
	hashed := func(hash, length string, others ...string) []string {
		return append([]string{hash, "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:" + length}, others...)
	}
	salted := func(length string, others ...string) []string { return hashed("-sha256", length, others...) }
	accepted := 0
	for name, options := range map[string][]string{
		"salt 0":             salted("0"),
		"salt 19":            salted("19"),
		"salt 20":            salted("20"),
		"salt 21":            salted("21"),
		"salt 31":            salted("31"),
		"salt 32":            salted("32"),
		"salt 33":            salted("33"),
		"salt of the digest": salted("digest"),
		"longest salt":       salted("max"),
		"MGF1-SHA-1":         salted("20", "-sigopt", "rsa_mgf1_md:sha1"),
		"MGF1-SHA-512":       salted("32", "-sigopt", "rsa_mgf1_md:sha512"),
		"SHA-1":              hashed("-sha1", "20"),
		"SHA-512":            hashed("-sha512", "32"),
		"PKCS #1 v1.5":       {"-sha256", "-sigopt", "rsa_padding_mode:pkcs1"},
	} {
		require.NoError(t, run(slices.Concat([]string{"dgst"}, options, []string{"-sign", "private.pem", "-out", "sig", "message"})...), name)
		sig, err := os.ReadFile(filepath.Join(folder, "sig"))
		require.NoError(t, err)
		for salt, length := range map[Salt]string{Salt20: "20", Salt32: "32"} {
			theirs := run(slices.Concat([]string{"dgst"}, salted(length), []string{"-verify", "public.pem", "-signature", "sig", "message"})...)
			requireVerdict(t, theirs)
			ours := key.Verify(tamperedMessage, Signature(sig), salt)
			require.Equal(t, theirs == nil, ours == nil, "%s, verified at salt %s", name, length)
			if ours == nil {
				accepted++
			}
		}
	}
	require.Equal(t, 3, accepted, "20, 32 and the digest's length")
}

func TestOpenSSLAcceptsWhatWeAccept(t *testing.T) {
	folder, run := openssl(t)
	key := publicKey(t, deviceKey())
	for salt, length := range map[Salt]string{Salt20: "20", Salt32: "32"} {
		good := sign(t, deviceKey(), tamperedMessage, salt)
		bad := Signature(flipBit(good[:], 100))
		for _, sig := range []Signature{good, bad} {
			require.NoError(t, os.WriteFile(filepath.Join(folder, "sig"), sig[:], 0o600))
			theirs := run("dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:"+length, "-verify", "public.pem", "-signature", "sig", "message")
			requireVerdict(t, theirs)
			require.Equal(t, sig == good, theirs == nil)
			require.Equal(t, theirs == nil, key.Verify(tamperedMessage, sig, salt) == nil)
		}
	}
}

func TestOpenSSLKeyMarkedRSASSAPSS(t *testing.T) {
	folder, run := openssl(t)
	require.NoError(t, run("genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "pss.pem"))
	require.NoError(t, run("pkey", "-in", "pss.pem", "-pubout", "-out", "psspub.pem"))
	require.NoError(t, run("dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:20", "-sign", "pss.pem", "-out", "sig", "message"))
	text, err := os.ReadFile(filepath.Join(folder, "psspub.pem"))
	require.NoError(t, err)
	sig, err := os.ReadFile(filepath.Join(folder, "sig"))
	require.NoError(t, err)
	key, err := ParsePublicKey(text)
	require.NoError(t, err)
	require.NoError(t, key.Verify(tamperedMessage, Signature(sig), Salt20))
	require.ErrorIs(t, key.Verify(tamperedMessage[1:], Signature(sig), Salt20), ErrWrongSignature)
}

// requireVerdict tells openssl's no, exit code 1, from a command that failed.
func requireVerdict(t *testing.T, err error) {
	t.Helper()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		require.Equal(t, 1, exit.ExitCode())
		return
	}
	require.NoError(t, err)
}
