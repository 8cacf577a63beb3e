package wiring

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/function"
	"sotercall/internal/journal"
	"sotercall/internal/test/hosted"
)

// Each function that reads the document of the apps notices that the file has changed, also
// where it could not use what it read.
func TestChangedDocumentIsNoticed(t *testing.T) {
	t.Parallel()
	type watched struct {
		path string
		log  *hosted.Log
		f    function.Function
	}
	put := func(path, document string) {
		require.NoError(t, os.WriteFile(path+".next", []byte(document), 0o600))
		hourAgo := time.Now().Add(-time.Hour) // the function judges no file that may still be written
		require.NoError(t, os.Chtimes(path+".next", hourAgo, hourAgo))
		require.NoError(t, os.Rename(path+".next", path))
	}
	all := map[string]watched{}
	for name, c := range map[string]struct {
		build     function.Builder
		document  string
		variables map[string]string
	}{
		"verify":         {Openers{}.Verify, documentOf(t, 1, nil), nil},
		"token":          {Openers{}.Token, documentOf(t, 1, nil), nil},
		"service":        {Openers{}.Service, documentOf(t, 1, nil), nil},
		"cannot be used": {Openers{}.Service, `{"apps":{}}`, nil},
		"no file":        {Openers{}.Verify, "", map[string]string{"WECHAT_APPID": sandbox.DefaultAppID, "WECHAT_APPSECRET": sandbox.DefaultAppSecret}},
	} {
		w := watched{log: new(hosted.Log)}
		variables := map[string]string{}
		if c.document != "" {
			w.path = filepath.Join(t.TempDir(), "apps.json")
			put(w.path, c.document)
			variables["WECHAT_APPS_FILE"] = w.path
		}
		w.f, _ = c.build(hosted.With(variables, c.variables), slog.New(journal.NewHandler(w.log, slog.LevelInfo)), new(slog.LevelVar))
		assert.Empty(t, w.f.Notices(), name)
		all[name] = w
	}
	notices := func(want string) {
		for name, w := range all {
			if w.path == "" {
				assert.Empty(t, w.f.Notices(), name)
				continue
			}
			require.Eventually(t, func() bool { return strings.Join(w.f.Notices(), ";") == want }, time.Minute, 10*time.Millisecond, name)
		}
	}
	for _, w := range all {
		if w.path != "" {
			put(w.path, documentOf(t, 2, nil))
		}
	}
	notices(fileHasChanged)
	for _, w := range all {
		if w.path != "" {
			require.NoError(t, os.Remove(w.path))
		}
	}
	notices(fileIsMissing)
	for name, w := range all {
		text := w.log.String()
		changed, missing := strings.Count(text, fileHasChanged), strings.Count(text, fileIsMissing)
		if w.path == "" {
			assert.Zero(t, changed+missing, name)
			continue
		}
		assert.Equal(t, []int{1, 1}, []int{changed, missing}, "%s: %s", name, text)
		assert.NotContains(t, text, "secret-of-", name)
	}
}

// A file of AuthKeys is read anew by itself. One that cannot be used is noticed, also before a
// call needs it.
func TestUselessFileOfAuthKeysIsNoticed(t *testing.T) {
	t.Parallel()
	path, log := filepath.Join(t.TempDir(), "authkeys.json"), new(hosted.Log)
	put := func(content string) {
		require.NoError(t, os.WriteFile(path+".next", []byte(content), 0o600))
		require.NoError(t, os.Rename(path+".next", path))
	}
	put(`{"authKeys":[]}`)
	f, err := Openers{}.Verify(map[string]string{"SOTER_VERIFIER": "local", "AUTHKEYS_FILE": path},
		slog.New(journal.NewHandler(log, slog.LevelInfo)), new(slog.LevelVar))
	require.NoError(t, err)
	notices := func(want ...string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Join(f.Notices(), ";") == strings.Join(want, ";") }, time.Minute, 10*time.Millisecond)
	}
	notices()
	put(`{"authKeys":[{"openid":"oUser"}]}`)
	notices(keysAreUseless)
	put(`{"authKeys":[]} `)
	notices()
	require.NoError(t, os.Remove(path))
	notices(keysAreUseless)
	assert.Equal(t, 2, strings.Count(log.String(), keysAreUseless), "once for each change: %s", log)
	assert.Equal(t, 1, strings.Count(log.String(), keysAreUsable))
	assert.Contains(t, log.String(), "entry 0 of authKeys", "the log says why")
}
