// Command local runs everything on this computer: the functions' binaries, stand-ins for AWS
// Lambda, Tencent SCF, WeChat Cloud Hosting and WeChat, and phones that sign. It needs Go
// and no account. Once the modules are downloaded, it needs no network.
//
//	go run ./scripts/local demo     a fingerprint verified, and what is refused
//	go run ./scripts/local          serves all of it on 127.0.0.1:9000
//	go run ./scripts/local help     all commands
//
// The commands are in the folder command. This program says that they are being built,
// builds them, and runs them. It imports little, so that it starts soon even if nothing has
// been compiled yet.
package main

import (
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"sotercall/scripts/local/language"
	"sotercall/scripts/local/parent"
)

// commands is the program that this one builds and runs.
const commands = "sotercall/scripts/local/command"

const (
	statusFailed      = 1
	statusInterrupted = 130
)

// notices are what is said meanwhile, by language. It stands here, because the commands'
// table of texts is a part of what is being built.
var notices = map[string]string{
	language.English: "Building the sandbox (the first time takes about half a minute)…",
	language.Chinese: "正在构建沙箱（首次大约需要半分钟）…",
}

// soon is how long the build may take without a message.
const soon = 700 * time.Millisecond

func main() {
	program, status := build(os.Stderr)
	if status == 0 {
		var err error
		if status, err = become(program, os.Args); err != nil {
			fmt.Fprintln(os.Stderr, "local:", err)
			status = statusFailed
		}
	}
	os.Exit(status)
}

// build builds the program, and says so if that takes a moment. The status is not 0
// if there is none.
func build(stderr io.Writer) (program string, status int) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Reset()
	orphaned := parent.Gone()
	program, err := place()
	if err != nil {
		fmt.Fprintln(stderr, "local:", err)
		return "", statusFailed
	}
	building := exec.Command("go", "build", "-o", program, commands)
	building.Stdout, building.Stderr = stderr, stderr
	if err := building.Start(); err != nil {
		fmt.Fprintln(stderr, "local:", err)
		return "", statusFailed
	}
	ended := make(chan error, 1)
	go func() { ended <- building.Wait() }()
	stopped, telling := false, time.NewTimer(soon)
	for {
		select {
		case <-telling.C:
			fmt.Fprintln(stderr, notices[language.Of(os.Args[1:], os.Getenv)])
		case <-orphaned:
			orphaned, stopped = nil, true
			_ = building.Process.Signal(os.Interrupt)
		case <-signals:
			stopped = true
			_ = building.Process.Signal(os.Interrupt) // it leaves nothing behind then
		case err := <-ended:
			switch {
			case stopped:
				fmt.Fprintln(stderr, "local: interrupted")
				return "", statusInterrupted
			case err != nil: // it has said why
				return "", statusFailed
			}
			return program, 0
		}
	}
}

// place is where the program is kept, so that it is linked only when it has changed:
// with what the user's other programs keep. Each checkout has its own.
func place() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	sum := fnv.New64a()
	_, _ = io.WriteString(sum, here)
	name := fmt.Sprintf("local-%x", sum.Sum64())
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	folder := filepath.Join(cache, "sotercall")
	return filepath.Join(folder, name), os.MkdirAll(folder, 0o700)
}
