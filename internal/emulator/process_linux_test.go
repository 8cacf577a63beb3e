package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// orphanBinary makes the test binary start the SCF function that it names, and wait to be killed.
const orphanBinary = "EMULATOR_TEST_ORPHAN"

func leaveOrphan(binary string) {
	s, err := StartSCF(context.Background(), Function{Name: "orphan", Binary: binary})
	if err != nil {
		panic(err)
	}
	fmt.Println(s.instance.process.cmd.Process.Pid)
	select {}
}

func TestProcessDoesNotOutliveUsWhenWeAreKilled(t *testing.T) {
	t.Parallel()
	us := exec.Command(os.Args[0])
	us.Env = append(os.Environ(), orphanBinary+"="+scfBinary(t))
	stdout, err := us.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, us.Start())

	var pid int
	_, err = fmt.Fscan(stdout, &pid)
	require.NoError(t, err)
	require.True(t, processExists(pid))
	require.NoError(t, us.Process.Kill())
	_ = us.Wait()
	require.Eventually(t, func() bool { return !processExists(pid) }, 10*time.Second, 5*time.Millisecond)
}

// processExists does not count a process that has ended and that nobody has waited for yet.
func processExists(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, after, _ := bytes.Cut(stat, []byte(") "))
	return after[0] != 'Z'
}

func TestProcessGroupIsKilledAsAWhole(t *testing.T) {
	t.Parallel()
	var log logBuffer
	f, err := Function{Name: "family", Binary: "/bin/sh", Log: &log}.withDefaults()
	require.NoError(t, err)
	p, err := startProcess(f, []string{"ENV="})
	require.NoError(t, err)
	p.kill()
	p.kill()
	require.NotEmpty(t, p.status())
	_ = json.Valid
}
