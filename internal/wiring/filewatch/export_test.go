package filewatch

import "os"

// Every is how often a file is looked at, at most.
const Every = every

// SetStat makes w ask stat instead of the file system.
func (w *Watch) SetStat(stat func(path string) (os.FileInfo, error)) { w.stat = stat }

// IsLooking reports whether a look is under way.
func (w *Watch) IsLooking() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.looking
}
