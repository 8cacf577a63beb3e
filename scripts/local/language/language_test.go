package language_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/scripts/local/language"
)

func TestOf(t *testing.T) {
	for _, c := range []struct {
		args []string
		env  map[string]string
		want string
	}{
		{nil, nil, "en"},
		{[]string{"demo"}, map[string]string{"LANG": "zh_CN.UTF-8"}, "zh"},
		{[]string{"demo"}, map[string]string{"LANG": "en_US.UTF-8"}, "en"},
		{[]string{"demo"}, map[string]string{"LANG": "de_DE.UTF-8"}, "en"},
		{[]string{"demo"}, map[string]string{"LANG": "C"}, "en"},
		{nil, map[string]string{"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"},
		{nil, map[string]string{"LANG": "C", "LC_MESSAGES": "zh_TW"}, "zh"},
		{[]string{"demo", "-lang", "zh"}, nil, "zh"},
		{[]string{"--lang=zh"}, nil, "zh"},
		{[]string{"-lang", "en", "demo"}, map[string]string{"LANG": "zh_CN.UTF-8"}, "en"},
		{[]string{"lang", "zh"}, nil, "en"},
		{[]string{"-lang", "xx"}, map[string]string{"LANG": "zh_CN"}, "zh"},
		{[]string{"-lang"}, nil, "en"},
	} {
		assert.Equal(t, c.want, language.Of(c.args, func(name string) string { return c.env[name] }), "%+v", c)
	}
}
