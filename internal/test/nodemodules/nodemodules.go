// Package nodemodules installs the Node packages of a folder's package-lock.json, and again
// only when that changes. Tests and benchmarks that run other people's JavaScript use it.
package nodemodules

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gofrs/flock"
)

// AreInstalled reports whether node_modules matches package-lock.json.
func AreInstalled(folder string) bool {
	want, err := lockDigest(folder)
	if err != nil {
		return false
	}
	have, err := os.ReadFile(stamp(folder))
	return err == nil && bytes.Equal(have, want)
}

// Install installs the packages unless they are installed. It runs no script of any
// package. The error names a missing program, or quotes npm.
func Install(ctx context.Context, folder string) error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is not installed", program)
		}
	}
	// Tests of several packages run at the same time.
	lock := flock.New(filepath.Join(folder, ".installing"))
	if err := lock.Lock(); err != nil {
		return err
	}
	defer lock.Unlock()
	if AreInstalled(folder) {
		return nil
	}
	digest, err := lockDigest(folder)
	if err != nil {
		return err
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
	npm.Dir = folder
	if said, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, said)
	}
	return os.WriteFile(stamp(folder), digest, 0o600)
}

// stamp returns the path of a copy of the package-lock.json that node_modules was installed
// from.
func stamp(folder string) string { return filepath.Join(folder, "node_modules", ".installed-from") }

func lockDigest(folder string) ([]byte, error) {
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(lock)
	return []byte(hex.EncodeToString(digest[:])), nil
}
