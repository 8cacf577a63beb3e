package soter

import (
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type wycheproofFile struct {
	TestGroups []struct {
		PublicKeyPem string
		KeySize      int
		Tests        []struct {
			TcID                      int
			Comment, Msg, Sig, Result string
		}
	}
}

// Under one fixed profile a file's own verdicts count only where its parameters
// are that profile's: everything else is to be refused, but for the cases in
// which a file changes its salt length to ours.
func TestVectorsOfWycheproof(t *testing.T) {
	read := vectors(t)
	load := func(name string) (file wycheproofFile) {
		require.NoError(t, json.Unmarshal(read("wycheproof/"+name), &file))
		return file
	}
	for _, c := range []struct {
		file               string
		run                int // a floor, so that no case vanishes silently
		accept20, accept32 []int
	}{
		{"rsa_pss_2048_sha1_mgf1_20_test.json", 88, nil, nil},
		{"rsa_pss_2048_sha256_mgf1sha1_20_test.json", 108, nil, nil},
		{"rsa_pss_2048_sha256_mgf1_0_test.json", 103, []int{68}, []int{69}},
		{"rsa_pss_2048_sha256_mgf1_32_test.json", 108, []int{69}, validCases(load("rsa_pss_2048_sha256_mgf1_32_test.json"))},
		{"rsa_pss_misc_test.json", 150, []int{74}, []int{76}},
	} {
		t.Run(c.file, func(t *testing.T) {
			run, accept20, accept32 := judge(t, load(c.file))
			assert.GreaterOrEqual(t, run, c.run)
			assert.Equal(t, c.accept20, accept20, "at salt 20")
			assert.Equal(t, c.accept32, accept32, "at salt 32")
		})
	}
}

func validCases(file wycheproofFile) (ids []int) {
	for _, group := range file.TestGroups {
		for _, test := range group.Tests {
			if test.Result == "valid" {
				ids = append(ids, test.TcID)
			}
		}
	}
	return ids
}

// judge answers how many cases there were and which this package accepts.
func judge(t *testing.T, file wycheproofFile) (run int, accept20, accept32 []int) {
	t.Helper()
	for _, group := range file.TestGroups {
		key, err := ParsePublicKey([]byte(group.PublicKeyPem))
		require.Equal(t, group.KeySize == 2048, err == nil, "a key of %d bits: %v", group.KeySize, err)
		for _, test := range group.Tests {
			run++
			if key == nil {
				continue
			}
			message, err := hex.DecodeString(test.Msg)
			require.NoError(t, err)
			raw, err := hex.DecodeString(test.Sig)
			require.NoError(t, err)
			sig, err := ParseSignature(base64Text(raw))
			require.Equal(t, len(raw) == 256, err == nil, "case %d, %s", test.TcID, test.Comment)
			if err != nil {
				continue
			}
			if key.Verify(message, sig, Salt20) == nil {
				accept20 = append(accept20, test.TcID)
			}
			if key.Verify(message, sig, Salt32) == nil {
				accept32 = append(accept32, test.TcID)
			}
		}
	}
	return run, accept20, accept32
}
