package hosted_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/test/hosted"
)

func TestLeakFindsWhatItLooksFor(t *testing.T) {
	const secret = "81_Tk9xQ2vYw7LmRz4BdPsHfJc6Ka0Ue3Oi5Gn8Xt1Vy-_Wq+/=="
	for _, text := range []string{
		secret, secret[3:16], strings.ToUpper(secret), url.QueryEscape(url.QueryEscape(secret)), strconv.Quote(strconv.Quote(secret)),
		base64.StdEncoding.EncodeToString([]byte("x" + secret)), base64.RawURLEncoding.EncodeToString([]byte("xy" + secret)), hex.EncodeToString([]byte(secret)),
	} {
		assert.NotEmpty(t, hosted.Leak("before "+text+" after", secret), text)
	}
	assert.Empty(t, hosted.Leak("errcode 40001 invalid credential "+secret[:11], secret), "the twin")
}
