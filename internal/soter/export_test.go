package soter

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func export(length uint32, rest ...[]byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, length), slices.Concat(rest...)...)
}

func TestParseExport(t *testing.T) {
	text, sig := []byte(`{"raw":"c"}`), filled(256, 9)
	size := uint32(len(text))
	blob := export(size, text, sig)
	gotText, gotSig, err := ParseExport(blob)
	require.NoError(t, err)
	require.Equal(t, text, gotText)
	require.Equal(t, sig, gotSig)
	require.Same(t, &blob[4], &gotText[0], "a range of the input")
	require.Same(t, &blob[4+len(text)], &gotSig[0], "a range of the input")
	_ = append(gotText, 'x')
	require.Equal(t, sig, gotSig, "appending to the JSON leaves the signature alone")

	gotText, gotSig, err = ParseExport(export(size, text))
	require.NoError(t, err, "a key's export may go without a signature")
	require.Equal(t, text, gotText)
	require.Empty(t, gotSig)

	for name, blob := range map[string][]byte{
		"empty":              nil,
		"length cut short":   blob[:3],
		"nothing but length": blob[:4],
		"no JSON":            export(0, sig),
		"JSON cut short":     blob[:10],
		"length big-endian":  append(binary.BigEndian.AppendUint32(nil, size), blob[4:]...),
		"negative in Java":   export(math.MaxUint32, text, sig),
		"signature short":    blob[:len(blob)-1],
		"signature long":     append(slices.Clone(blob), 0),
		"over 1 MiB":         export(1<<20+1, make([]byte, 1<<20+1)),
	} {
		gotText, gotSig, err := ParseExport(blob)
		require.ErrorIs(t, err, ErrMalformed, name)
		require.Nil(t, gotText, name)
		require.Nil(t, gotSig, name)
	}
	_, _, err = ParseExport(export(1<<20, make([]byte, 1<<20)))
	require.NoError(t, err, "exactly 1 MiB, as soter-core")
}
