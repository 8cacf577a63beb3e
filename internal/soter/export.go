package soter

import (
	"encoding/binary"
	"fmt"
)

// maxExport is the longest JSON an export may announce, as in soter-core's
// SoterCoreBase.
const maxExport = 1 << 20

// ParseExport takes apart the blob that a device exports for an ASK, an AuthKey
// or a result: the length of the JSON as little-endian uint32, the JSON, and
// the raw signature of 256 bytes, which a key's export may lack. Clients upload
// the two parts rather than the blob (soter-core, SoterCoreBase
// .retrieveJsonFromExportedData).
//
// Both answers are ranges of blob, not copies. The error is ErrMalformed.
func ParseExport(blob []byte) (jsonText, signature []byte, err error) {
	const header = 4
	if len(blob) < header {
		return nil, nil, fmt.Errorf("%w: export has %d bytes, want a length of %d bytes first", ErrMalformed, len(blob), header)
	}
	// Java reads this length as an int, which may turn out negative.
	length := uint64(binary.LittleEndian.Uint32(blob))
	rest := blob[header:]
	if length == 0 || length > maxExport || length > uint64(len(rest)) {
		return nil, nil, fmt.Errorf("%w: export announces %d bytes of JSON and has %d left", ErrMalformed, length, len(rest))
	}
	jsonText, signature = rest[:length:length], rest[length:]
	if len(signature) != 0 && len(signature) != len(Signature{}) {
		return nil, nil, fmt.Errorf("%w: export has a signature of %d bytes, want %d or none", ErrMalformed, len(signature), len(Signature{}))
	}
	return jsonText, signature, nil
}
