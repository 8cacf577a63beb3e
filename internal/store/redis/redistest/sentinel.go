package redistest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sotercall/internal/secret"
	"sotercall/internal/test/need"
)

// Sentinels are three Sentinels that watch a master and its replica.
type Sentinels struct {
	// URL names the Sentinels.
	URL secret.Text
	// Servers are the master and the replica, in any order. A dead one is among them.
	Servers []*Server

	sentinels []*Server
	t         testing.TB
}

// StartSentinels runs them until the test ends. A busy machine's slow master is not taken
// for dead: see [Sentinels.KillMaster].
func StartSentinels(t testing.TB) *Sentinels {
	t.Helper()
	w := &Sentinels{t: t}
	for range 2 {
		w.Servers = append(w.Servers, Start(t, "--masterauth", Password, "--repl-diskless-sync-delay", "0"))
	}
	w.Servers[1].Do("REPLICAOF", "127.0.0.1", w.Servers[0].port)
	await(t, "the replica has what its master has", func() bool {
		return strings.Contains(w.Servers[1].info("replication"), "master_link_status:up")
	})
	for range 3 {
		w.sentinels = append(w.sentinels, startSentinel(t, w.Servers[0].port))
	}
	for _, sentinel := range w.sentinels {
		await(t, "the Sentinels know each other", func() bool {
			info := sentinel.info("sentinel")
			return strings.Contains(info, "slaves=1,sentinels=3")
		})
	}
	w.URL = secret.New(fmt.Sprintf("redis://:%s@%s/0?master_name=mymaster&addr=%s&addr=%s", Password,
		w.sentinels[0].Addr(), w.sentinels[1].Addr(), w.sentinels[2].Addr()))
	return w
}

func startSentinel(t testing.TB, master int) *Server {
	t.Helper()
	s := &Server{t: t, port: need.Port(t), folder: t.TempDir(), password: Password}
	t.Cleanup(s.Kill)
	config, log := filepath.Join(s.folder, "sentinel.conf"), filepath.Join(s.folder, "redis.log")
	content := fmt.Sprintf(`bind 127.0.0.1
port %d
dir %s
logfile %s
requirepass %s
sentinel sentinel-pass %s
sentinel monitor mymaster 127.0.0.1 %d 2
sentinel auth-pass mymaster %s
sentinel down-after-milliseconds mymaster %s
sentinel failover-timeout mymaster 3000
`, s.port, s.folder, log, Password, Password, master, Password, patient)
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	s.process = exec.Command("redis-server", config, "--sentinel")
	s.start(log)
	return s
}

// KillMaster kills the master. replaced waits for the next one.
func (w *Sentinels) KillMaster() (replaced func()) {
	w.t.Helper()
	master := w.Master()
	downAfter := func(milliseconds string) {
		for _, sentinel := range w.sentinels {
			sentinel.Do("SENTINEL", "SET", "mymaster", "down-after-milliseconds", milliseconds)
		}
	}
	downAfter(impatient)
	master.Kill()
	return func() {
		w.Master()
		downAfter(patient)
	}
}

// Master returns the current master.
func (w *Sentinels) Master() *Server {
	w.t.Helper()
	var master *Server
	await(w.t, "there is a master", func() bool {
		for _, server := range w.Servers {
			if server.process != nil && strings.Contains(server.info("replication"), "role:master") {
				reply, _ := w.sentinels[0].try("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
				address, _ := reply.([]any)
				if len(address) == 2 && address[1] == strconv.Itoa(server.port) {
					master = server
					return true
				}
			}
		}
		return false
	})
	return master
}
