package soter

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/need"
)

// vectors answers a reader of the folder that SOTER_VECTORS names: soter/ holds
// Tencent/soter's soter-samples/server-sample/java/example, wycheproof/ files of
// C2SP/wycheproof's testvectors_v1.
func vectors(t testing.TB) func(name string) []byte {
	t.Helper()
	folder := os.Getenv("SOTER_VECTORS")
	if folder == "" {
		need.Optional(t, errors.New("SOTER_VECTORS is not set"))
	}
	return func(name string) []byte {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		return data
	}
}

func TestVectorsOfAMediaTekPhone(t *testing.T) {
	read := vectors(t)
	askKey, err := ParsePublicKey(read("soter/ask.pem"))
	require.NoError(t, err)
	authKeyPEM, err := ParsePublicKey(read("soter/auth_key.pem"))
	require.NoError(t, err)
	// The sample has the ASK's key alone; its identity is the AuthKey's.
	ask := ASK{Key: askKey, CPUID: "0900000026030000241a1e8e9e44c3a8e05b9c0c", UID: "10115", Counter: 239}
	authKeyJSON, authKeySignature := read("soter/auth_key_json.txt"), read("soter/auth_key_signature.bin")

	authKey, err := VerifyAuthKey(ask, authKeyJSON, authKeySignature)
	require.NoError(t, err)
	assert.True(t, authKey.Key.Equal(authKeyPEM))
	assert.Equal(t, uint64(240), authKey.Counter)
	require.ErrorIs(t, askKey.Verify(authKeyJSON, Signature(authKeySignature), Salt32), ErrWrongSignature)
	requireNotPKCS1(t, askKey, authKeyJSON, authKeySignature)

	final, finalSignature := string(read("soter/final_json.txt")), base64Text(read("soter/final_signature.bin"))
	result, err := authKey.Key.VerifyResult(final, finalSignature)
	require.NoError(t, err)
	assert.Equal(t, Result{
		Raw: "I'm a demo challenge string", Counter: 246, CPUID: ask.CPUID, UID: ask.UID, FID: "2313170",
		TEEName: "t-base-Mediatek-Armv8-Android-302A-V012-20160705_104258_41", TEEVersion: "10010",
		FPName: "FPC", FPVersion: "6516", Salt: Salt20,
	}, result)
	_, err = askKey.VerifyResult(final, finalSignature)
	require.ErrorIs(t, err, ErrWrongSignature, "the ASK signs no results")
}

func TestVectorsOfAHuaweiPhone(t *testing.T) {
	read := vectors(t)
	ask, err := ParseASK(read("soter/hw_ask_cert_json.txt"))
	require.NoError(t, err)
	askPEM, err := ParsePublicKey(read("soter/hw_ask.pem"))
	require.NoError(t, err)
	assert.True(t, ask.Key.Equal(askPEM))
	assert.Equal(t, "HUAWEI_HWHMA_604a9644-ac64-423d-a718-dab935a1140e-3b0e1228", ask.CPUID)
	assert.Equal(t, "10316", ask.UID)
	assert.Equal(t, uint64(38), ask.Counter)
	assert.Equal(t, Salt32, ask.Salt)
	assert.Len(t, ask.Certificates, 4)
	_, err = x509.ParseCertificate(ask.Certificates[0])
	require.Error(t, err, "why this package reads leaves by itself")

	authKeyJSON := read("soter/hw_auth_key_json.txt")
	assert.False(t, json.Valid(authKeyJSON), "line feeds inside a string")
	sig, err := ParseSignature(string(read("soter/hw_auth_key_signature.txt")))
	require.NoError(t, err)
	authKey, err := VerifyAuthKey(ask, authKeyJSON, sig[:])
	require.NoError(t, err)
	assert.Equal(t, uint64(47), authKey.Counter)
	require.ErrorIs(t, askPEM.Verify(authKeyJSON, sig, Salt20), ErrWrongSignature)

	// hw_auth_key.pem is the key of another scene.
	sceneKey, err := ParsePublicKey(read("soter/hw_auth_key.pem"))
	require.NoError(t, err)
	final, finalSignature := string(read("soter/hw_final_json.txt")), string(read("soter/hw_final_signature.txt"))
	result, err := sceneKey.VerifyResult(final, finalSignature)
	require.NoError(t, err)
	assert.Equal(t, Result{
		Raw: "cd99c126b2fa8cc2022b8fbaa288fd37735c824c1712735791", Counter: 59, CPUID: ask.CPUID, UID: ask.UID,
		FID: "761123376", TEEName: "hwteeos", TEEVersion: "version_1.0", FPName: "fpc_goodix", FPVersion: "goodix_1.0", Salt: Salt32,
	}, result)
	sig, err = ParseSignature(finalSignature)
	require.NoError(t, err)
	require.ErrorIs(t, sceneKey.Verify([]byte(final), sig, Salt20), ErrWrongSignature)
	requireNotPKCS1(t, sceneKey, []byte(final), sig[:])
}

func TestVectorsOfASecondHuaweiASK(t *testing.T) {
	ask, err := ParseASK(vectors(t)("soter/ask_cert_json.txt"))
	require.NoError(t, err)
	assert.Equal(t, "HUAWEI_HWLYA_b3161401-62fa-4d9b-a102-e12a79d814a6-54843a61", ask.CPUID)
	assert.Equal(t, "10147", ask.UID)
	assert.Equal(t, uint64(88), ask.Counter)
}

func TestVectorsRefuseATamperedLeaf(t *testing.T) {
	read := vectors(t)
	for _, name := range []string{"soter/hw_ask_cert_json.txt", "soter/ask_cert_json.txt"} {
		ask, err := ParseASK(read(name))
		require.NoError(t, err, "the twin")
		leaf, err := parseLeaf(ask.Certificates[0])
		require.NoError(t, err)
		leaf.signed = flipBit(leaf.signed, 20)
		require.ErrorIs(t, leaf.checkSignedBy(ask.Certificates[1]), ErrWrongSignature)
	}
}

func requireNotPKCS1(t *testing.T, key *PublicKey, message, sig []byte) {
	t.Helper()
	digest := sha256.Sum256(message)
	require.Error(t, rsa.VerifyPKCS1v15(&key.rsa, crypto.SHA256, digest[:], sig))
}
