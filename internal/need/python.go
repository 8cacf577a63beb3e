package need

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// Python installs what the folder's requirements.txt names into a virtual environment
// there, and returns the folder of its programs. It does not install again while that file
// stays the same. It takes a minute: with -short the test is skipped.
func Python(t testing.TB, folder string) (programs string) {
	t.Helper()
	Time(t)
	folder, err := filepath.Abs(folder)
	Met(t, err)
	install, _ := installed.LoadOrStore(folder, sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		return installPython(ctx, folder)
	}))
	Met(t, install.(func() error)())
	return filepath.Join(folder, ".venv", "bin")
}

func installPython(ctx context.Context, folder string) error {
	if _, err := Find("python3"); err != nil {
		return err
	}
	want, err := os.ReadFile(filepath.Join(folder, "requirements.txt"))
	if err != nil {
		return err
	}
	// The tests of several packages run at the same time.
	lock := flock.New(filepath.Join(folder, ".installing"))
	if err := lock.Lock(); err != nil {
		return err
	}
	defer lock.Unlock()
	environment := filepath.Join(folder, ".venv")
	stamp := filepath.Join(environment, "installed-from")
	if have, err := os.ReadFile(stamp); err == nil && bytes.Equal(have, want) {
		return nil
	}
	for _, command := range [][]string{
		{"python3", "-m", "venv", "--clear", environment},
		{filepath.Join(environment, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", filepath.Join(folder, "requirements.txt")},
	} {
		if said, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("the Python packages of %s cannot be installed: %w\n%s", filepath.Base(folder), err, said)
		}
	}
	return os.WriteFile(stamp, want, 0o600)
}
