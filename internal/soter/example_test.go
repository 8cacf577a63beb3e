package soter_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"sotercall/internal/soter"
)

// A phone signs, and its AuthKey, which was registered before, verifies.
func ExamplePublicKey_VerifyResult() {
	authKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	resultJSON := `{"raw":"challenge","counter":123,"cpu_id":"0900","uid":"10115"}`
	digest := sha256.Sum256([]byte(resultJSON))
	signed, err := rsa.SignPSS(rand.Reader, authKey, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: int(soter.Salt20)})
	if err != nil {
		panic(err)
	}
	resultJSONSignature := base64.StdEncoding.EncodeToString(signed)

	key, err := soter.NewPublicKey(&authKey.PublicKey)
	if err != nil {
		panic(err)
	}
	result, err := key.VerifyResult(resultJSON, resultJSONSignature)
	fmt.Println(result.Raw, result.Counter, err)

	_, err = key.VerifyResult(resultJSON+" ", resultJSONSignature)
	fmt.Println(err)
	// Output:
	// challenge 123 <nil>
	// wrong signature
}
