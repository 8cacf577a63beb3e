//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package authkeys

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// lockTick is how often the lock is tried. The system call that waits for it
// would not end with a context.
const lockTick = 2 * time.Millisecond

// lock holds the lock of a file, which it makes if need be, until unlock is
// called or the process ends. The file stays: whoever deleted it would leave
// others with a lock on a file that has no name.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(lockTick)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			file.Close()
			return nil, &os.PathError{Op: "flock", Path: path, Err: err}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			file.Close()
			return nil, &os.PathError{Op: "flock", Path: path, Err: ctx.Err()}
		}
	}
}
