//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package sandbox

import (
	"fmt"
	"os"
	"runtime"
)

// tryLock has nothing to lock with. A counter that might repeat would be worse
// than none.
func tryLock(*os.File) (bool, error) {
	return false, fmt.Errorf("no file locks on %s, leave Options.Dir empty", runtime.GOOS)
}
