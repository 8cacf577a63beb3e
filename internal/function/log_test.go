package function

import (
	"bytes"
	"log"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhatLibrariesLogHasNoQuotes(t *testing.T) {
	flags, writer := log.Flags(), log.Writer()
	defer func() { log.SetFlags(flags); log.SetOutput(writer) }()
	var out bytes.Buffer
	takeLibraryLog(newLog(&out, slog.LevelInfo), nil)
	log.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", "HTTP/1.1 200 token=secret", nil)
	log.Print("two\nlines\x1b[2J")
	assert.NotContains(t, out.String(), "secret")
	assert.Contains(t, out.String(), `"level":"WARN","msg":"a library says","text":"Unsolicited response received on idle HTTP channel starting with …"`)
	assert.Contains(t, out.String(), `"text":"two\\nlines\\x1b[2J"`, "the twin: what holds no quote is told")
}
