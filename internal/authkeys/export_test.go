package authkeys

import "time"

// For the tests: what only time brings about.
var ParseFile = parseFile

const (
	Believed  = believed
	MaxFile   = maxFile
	MaxParsed = maxParsed
)

func (f *File) SetClock(now func() time.Time) { f.now = now }
func (f *File) Now() time.Time                { return f.now() }

func (v *Verifier) Parsed() int {
	v.keys.mu.RLock()
	defer v.keys.mu.RUnlock()
	return len(v.keys.byText)
}
