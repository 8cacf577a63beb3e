// Package nodemodules installs the Node packages of a folder as its
// package-lock.json names them, and does not install them again while that stays
// the same. Tests and benchmarks that run other people's JavaScript use it.
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

// AreInstalled reports whether node_modules holds what package-lock.json names.
func AreInstalled(folder string) bool {
	want, err := lockDigest(folder)
	if err != nil {
		return false
	}
	have, err := os.ReadFile(stamp(folder))
	return err == nil && bytes.Equal(have, want)
}

// Install installs what is not installed. No script of any package is run. The
// error says which program is missing, or what npm said.
func Install(ctx context.Context, folder string) error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is not installed", program)
		}
	}
	// The tests of several packages run at the same time.
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

// stamp says from which package-lock.json node_modules was installed.
func stamp(folder string) string { return filepath.Join(folder, "node_modules", ".installed-from") }

func lockDigest(folder string) ([]byte, error) {
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(lock)
	return []byte(hex.EncodeToString(digest[:])), nil
}
