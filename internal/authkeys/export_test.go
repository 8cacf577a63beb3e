package authkeys

import "time"

// For the tests: what only time brings about.
var ParseFile = parseFile

const (
	Believed  = believed
	MaxFile   = maxFile
	MaxParsed = maxParsed
	Watched   = watched
)

func (f *File) SetClock(now func() time.Time) { f.now = now }
func (f *File) Now() time.Time                { return f.now() }

func (f *File) IsLooking() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.look != nil
}

func (v *Verifier) Parsed() int {
	v.keys.mu.RLock()
	defer v.keys.mu.RUnlock()
	return len(v.keys.byText)
}
