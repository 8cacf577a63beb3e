package wiring

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What shells, editors and documents leave around a value is refused by the name of
// the variable; the end of a line is dropped.
func TestReadRefusesWhatWasPasted(t *testing.T) {
	for value, problem := range map[string]string{
		`"value"`:             "SECRET stands in quotes: they would be a part of the value, leave them out",
		"'value'":             "SECRET stands in quotes: they would be a part of the value, leave them out",
		"“value”":             "SECRET stands in quotes: they would be a part of the value, leave them out",
		`a,"b"`:               "SECRET has an item in quotes: they would be a part of the value, leave them out",
		" value":              "SECRET has a blank or a line break before or after it",
		"value\t":             "SECRET has a blank or a line break before or after it",
		"value \r\n":          "SECRET has a blank or a line break before or after it",
		"\nvalue":             "SECRET has a blank or a line break before or after it",
		"value\u00a0":         "SECRET has a blank or a line break before or after it",
		"\ufeffvalue":         "SECRET has a byte order mark in it: save it as UTF-8 without one",
		"one\r\n,two":         "SECRET has a line break or another control character in it",
		"\ufeff{\"apps\":{}}": "SECRET has a byte order mark in it: save it as UTF-8 without one",
		`'{"apps":{}}'`:       "SECRET stands in quotes: they would be a part of the value, leave them out",
	} {
		var s settings
		assert.EqualError(t, readVariables(&s, map[string]string{"SECRET": value}), problem, "%q", value)
	}
	for value, read := range map[string]string{
		"value":             "value",
		"value\n":           "value",
		"value\r\n":         "value",
		`va"l"ue`:           `va"l"ue`,
		`"`:                 `"`,
		"it's":              "it's",
		" {\"a\":\n\"b\"} ": " {\"a\":\n\"b\"} ",
	} {
		var s settings
		require.NoError(t, readVariables(&s, map[string]string{"SECRET": value}), "%q", value)
		assert.Equal(t, read, s.Secret.Reveal())
	}
	var s settings
	assert.EqualError(t, readVariables(&s, map[string]string{"SECRET": `"v"`, "MODE": "'classic'", "NESTED": " x"}),
		"MODE stands in quotes: they would be a part of the value, leave them out; "+
			"SECRET stands in quotes: they would be a part of the value, leave them out; "+
			"NESTED has a blank or a line break before or after it", "all of them, at once")
}

func TestAddressesEndBeforeThePath(t *testing.T) {
	for address, problem := range map[string]string{
		"https://api.weixin.qq.com/cgi-bin":                                      "C must end before /cgi-bin, as https://api.weixin.qq.com does: the function adds the path",
		"https://api.weixin.qq.com/cgi-bin/stable_token":                         "C must end before /cgi-bin, as https://api.weixin.qq.com does: the function adds the path",
		"https://api.weixin.qq.com/cgi-bin/soter/verify_signature?access_token=": "C must end before the ?: the function adds the query; C must end before /cgi-bin, as https://api.weixin.qq.com does: the function adds the path",
		"https://gateway.example/soter/wxa/":                                     "C must end before /cgi-bin, as https://api.weixin.qq.com does: the function adds the path",
		"https://api.weixin.qq.com?":                                             "C must end before the ?: the function adds the query",
		"https://api.weixin.qq.com#":                                             "C must end before the #",
		"https://api.weixin.qq.com/#x":                                           "C must end before the #",
		"https://user:hush@api.weixin.qq.com":                                    "C must not have a user name or a password in it",
	} {
		var c checker
		c.Address("C", address)
		assert.EqualError(t, c.Err(), problem, address)
	}
	for _, address := range []string{"https://api.weixin.qq.com/", "https://gateway.example/soter", "https://gateway.example/wxapps", "https://gateway.example/v1/cgi-bins"} {
		var c checker
		c.Address("C", address)
		assert.NoError(t, c.Err(), address)
	}
}
