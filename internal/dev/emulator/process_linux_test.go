package emulator

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// orphanBinary names, for a second run of this test binary, the function to start and to leave behind when killed.
const orphanBinary = "EMULATOR_TEST_ORPHAN"

func TestProcessDoesNotOutliveUsWhenWeAreKilled(t *testing.T) {
	if binary := os.Getenv(orphanBinary); binary != "" {
		s, err := StartSCF(t.Context(), Function{Name: "orphan", Binary: binary})
		require.NoError(t, err)
		fmt.Println(s.instance.process.cmd.Process.Pid)
		select {}
	}
	t.Parallel()

	us := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	us.Env = append(os.Environ(), orphanBinary+"="+scfBinary(t))
	stdout, err := us.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, us.Start())

	var pid int
	_, err = fmt.Fscan(stdout, &pid)
	require.NoError(t, err)
	require.True(t, isRunning(pid))
	require.NoError(t, us.Process.Kill())
	_ = us.Wait()
	requireGone(t, pid)
}

func TestProcessTakesItsChildrenAlong(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"close", "exit"} {
		l := startLambda(t, Function{})
		child, err := strconv.Atoi(string(do(t, l, "fork", "").Payload))
		require.NoError(t, err)
		require.True(t, isRunning(child))
		if end == "close" {
			require.NoError(t, l.Close())
		} else {
			do(t, l, "exit", "")
		}
		requireGone(t, child)
	}
}

func requireGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool { return !isRunning(pid) }, time.Minute, time.Millisecond)
}

// isRunning knows of strangers' processes too: one that has ended but that nobody has waited for does not run.
func isRunning(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := bytes.Cut(stat, []byte(") "))
	return !bytes.HasPrefix(state, []byte("Z"))
}
