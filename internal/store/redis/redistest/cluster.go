package redistest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"sotercall/internal/secret"
	"sotercall/internal/test/need"
)

const (
	masters = 3
	slots   = 16384

	// How long a server may be silent, in ms, before another one takes over.
	patient, impatient = "15000", "1000"
)

// Cluster is a Redis Cluster of three masters and three replicas.
type Cluster struct {
	// URL names the three original masters.
	URL secret.Text
	// Nodes are the servers, dead ones included.
	Nodes []*Server

	t testing.TB
}

// StartCluster runs a Cluster until the test ends. A busy machine's slow master is not
// taken for dead: see [Cluster.KillMasterOf].
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	for range 2 * masters {
		c.Nodes = append(c.Nodes, Start(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(need.Port(t)),
			"--cluster-node-timeout", patient, "--cluster-replica-validity-factor", "0", "--masterauth", Password, "--repl-diskless-sync-delay", "0"))
	}
	c.URL = secret.New(fmt.Sprintf("redis://:%s@%s?addr=%s&addr=%s", Password, c.Nodes[0].Addr(), c.Nodes[1].Addr(), c.Nodes[2].Addr()))
	for i, node := range c.Nodes {
		node.Do("CLUSTER", "SET-CONFIG-EPOCH", i+1)
		if i < masters {
			node.Do("CLUSTER", "ADDSLOTSRANGE", i*slots/masters, (i+1)*slots/masters-1)
		}
		for _, other := range c.Nodes[:i] {
			node.Do("CLUSTER", "MEET", "127.0.0.1", other.port, other.options[3])
		}
	}
	for i, replica := range c.Nodes[masters:] {
		id := c.Nodes[i].Do("CLUSTER", "MYID")
		c.until("a replica knows its master", func() bool {
			_, err := replica.try("CLUSTER", "REPLICATE", id)
			return err == nil
		})
	}
	c.AwaitReady()
	return c
}

// AwaitReady waits until all running nodes serve all slots, and each replica is in step
// with its master.
func (c *Cluster) AwaitReady() {
	c.t.Helper()
	c.eachThatRuns(func(node *Server) {
		c.until("the cluster is ready", func() bool {
			replication := node.info("replication")
			return strings.Contains(node.Do("CLUSTER", "INFO").(string), "cluster_state:ok") &&
				(strings.Contains(replication, "role:master") || strings.Contains(replication, "master_link_status:up"))
		})
	})
}

// MasterOf returns the current master of a key.
func (c *Cluster) MasterOf(key string) *Server {
	c.t.Helper()
	var master *Server
	c.until("a key has a master", func() bool {
		master = c.masterOf(key)
		return master != nil
	})
	return master
}

func (c *Cluster) masterOf(key string) *Server {
	for _, node := range c.Nodes {
		if node.process == nil || !strings.Contains(node.info("replication"), "role:master") {
			continue
		}
		if _, err := node.try("EXISTS", key); err == nil {
			return node
		}
	}
	return nil
}

// KillMasterOf kills the master of a key. replaced waits for the next one.
func (c *Cluster) KillMasterOf(key string) (replaced func()) {
	c.t.Helper()
	master := c.MasterOf(key)
	c.eachThatRuns(func(node *Server) { node.Do("CONFIG", "SET", "cluster-node-timeout", impatient) })
	master.Kill()
	return func() {
		c.MasterOf(key)
		c.AwaitReady()
		c.eachThatRuns(func(node *Server) { node.Do("CONFIG", "SET", "cluster-node-timeout", patient) })
	}
}

func (c *Cluster) eachThatRuns(do func(*Server)) {
	for _, node := range c.Nodes {
		if node.process != nil {
			do(node)
		}
	}
}

// MoveSlot moves the slot of a key, with its content, to another master. moving runs during
// the move: some keys are at each master, and clients get ASK.
func (c *Cluster) MoveSlot(key string, moving func()) {
	c.t.Helper()
	from := c.MasterOf(key)
	var to *Server
	for _, node := range c.Nodes {
		if node != from && node.process != nil && strings.Contains(node.info("replication"), "role:master") {
			to = node
		}
	}
	slot, fromID, toID := from.Do("CLUSTER", "KEYSLOT", key), from.Do("CLUSTER", "MYID"), to.Do("CLUSTER", "MYID")
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	moving()
	for {
		keys := from.Do("CLUSTER", "GETKEYSINSLOT", slot, 100).([]any)
		if len(keys) == 0 {
			break
		}
		from.Do("MIGRATE", append([]any{"127.0.0.1", to.port, "", 0, 5000, "AUTH", Password, "KEYS"}, keys...)...)
	}
	for _, node := range []*Server{to, from} {
		node.Do("CLUSTER", "SETSLOT", slot, "NODE", toID)
	}
}

// Flush deletes everything.
func (c *Cluster) Flush() {
	c.t.Helper()
	c.eachThatRuns(func(node *Server) {
		if strings.Contains(node.info("replication"), "role:master") {
			node.Do("FLUSHALL")
		}
	})
}

func (c *Cluster) until(what string, done func() bool) {
	c.t.Helper()
	await(c.t, what, done)
}

// await polls until done returns true.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	for tick, late := time.Tick(10*time.Millisecond), time.After(30*time.Second); !done(); {
		select {
		case <-tick:
		case <-late:
			t.Fatalf("30 s have passed before this: %s", what)
		}
	}
}

// info returns a section of INFO; empty if the server does not reply.
func (s *Server) info(section string) string {
	reply, _ := s.try("INFO", section)
	text, _ := reply.(string)
	return text
}
