package redis_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	accesstest "sotercall/internal/accesstoken/storetest"
	"sotercall/internal/authkeys"
	authkeystest "sotercall/internal/authkeys/storetest"
	"sotercall/internal/challenge"
	"sotercall/internal/challenge/ledgertest"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/store/redis"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/need"
)

// contracts runs the contract suites of all that is kept in a store.
func contracts(t *testing.T, address secret.Text, flush func()) {
	t.Run("tokens", func(t *testing.T) {
		accesstest.Run(t, func(t *testing.T) func(string) accesstoken.Store {
			flush()
			return func(appid string) accesstoken.Store { return redis.NewTokens(open(t, address), appid, time.Now) }
		})
	})
	t.Run("challenges and counters", func(t *testing.T) {
		ledgertest.Run(t, func(t *testing.T, instances int) []challenge.Ledger {
			flush()
			return ledgers(t, address, instances)
		})
	})
	t.Run("AuthKeys", func(t *testing.T) {
		authkeystest.Run(t, func(t *testing.T) authkeys.Store {
			flush()
			return redis.NewAuthKeys(open(t, address))
		})
	})
}

func ledgers(t *testing.T, address secret.Text, instances int) (all []challenge.Ledger) {
	for range instances {
		all = append(all, redis.NewLedger(open(t, address)))
	}
	return all
}

// storms has a challenge submitted 200 times at once to 8 instances, and once more for
// each storm; each counts once.
func storms(t *testing.T, address secret.Text) {
	n := need.OrLong(4, 40)
	all := ledgers(t, address, 8)
	for storm := range n {
		var first, failed atomic.Int32
		var running sync.WaitGroup
		for i := range 200 {
			running.Go(func() {
				is, err := all[i%8].Consume(t.Context(), challenge.Use{Challenge: fmt.Sprint("storm ", storm), Keep: time.Minute, Nonce: fmt.Sprint(i)})
				if !assert.NoError(t, err) {
					failed.Add(1)
				}
				if is {
					first.Add(1)
				}
			})
		}
		running.Wait()
		require.EqualValues(t, 1, first.Load(), storm)
	}
}

// load consumes challenges at several instances, without a pause, until it is stopped.
// Each challenge is submitted once more somewhere else.
type load struct {
	running sync.WaitGroup
	stop    chan struct{}

	mu     sync.Mutex
	done   int                  // guarded by mu, as all below
	acked  map[string]time.Time // when which challenge was consumed
	twice  []string             // challenges that counted twice at once
	failed map[time.Time]error  // by when the attempt ended
}

func newLoad(t *testing.T, address secret.Text) *load {
	l := &load{stop: make(chan struct{}), acked: map[string]time.Time{}, failed: map[time.Time]error{}}
	all := ledgers(t, address, 4)
	for i, ledger := range all {
		l.running.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.stop:
					return
				default:
				}
				l.consume(ledger, all[(i+1)%len(all)], fmt.Sprintf("load %d %d", i, n))
			}
		})
	}
	return l
}

func (l *load) consume(one, other challenge.Ledger, id string) {
	is, err := one.Consume(context.Background(), challenge.Use{Challenge: id, Keep: time.Minute, Nonce: "one"})
	at, again, againErr := time.Now(), false, error(nil)
	if err == nil {
		again, againErr = other.Consume(context.Background(), challenge.Use{Challenge: id, Keep: time.Minute, Nonce: "other"})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done++
	if is {
		l.acked[id] = at
	}
	for _, err := range []error{err, againErr} {
		if err != nil {
			l.failed[time.Now()] = err
		}
	}
	if is && again || err == nil && !is {
		l.twice = append(l.twice, id)
	}
}

// await waits until so many more challenges have been consumed, or failed.
func (l *load) await(t *testing.T, more int) {
	t.Helper()
	begun := l.count()
	require.Eventually(t, func() bool { return l.count() >= begun+more }, time.Minute, 5*time.Millisecond)
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done
}

// failures are how many attempts have failed so far.
func (l *load) failures() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.failed)
}

// end stops the load, and looks at what has failed.
func (l *load) end(t *testing.T) {
	close(l.stop)
	l.running.Wait()
	for at, err := range l.failed {
		require.ErrorContains(t, err, "consuming a challenge: redis: EVALSHA: ", "%v", at)
		require.ErrorIs(t, err, challenge.ErrNoMaster, "it says so")
	}
	t.Logf("%d consumed, %d refused, %d twice", l.done, len(l.failed), len(l.twice))
}

// lost are the challenges that count once more, although they were consumed: how many,
// and how long before the kill the first of them was acknowledged.
func (l *load) lost(t *testing.T, address secret.Text, killed time.Time) (lost int, window time.Duration) {
	ledger := ledgers(t, address, 1)[0]
	for id, at := range l.acked {
		if ledgertest.Consume(t, ledger, id, "once more") {
			lost++
			window = max(window, killed.Sub(at))
		}
	}
	return lost, window
}

// logged has signatures verified whose counters are only logged, until it is stopped,
// and returns how many were not answered as genuine.
func logged(t *testing.T, address secret.Text, stop chan struct{}) (refused int) {
	v := &challenge.Verifier{Next: genuine{}, Ledger: ledgers(t, address, 1)[0], Policy: challenge.LogCounter, Now: time.Now}
	for n := 1; ; n++ {
		select {
		case <-stop:
			return refused
		default:
		}
		text := fmt.Sprintf(`{"raw":"r","counter":%d,"cpu_id":"c%d","uid":"1"}`, n, n%7)
		verdict, err := v.Verify(context.Background(), openapi.Request{OpenID: "u", JSONString: text, JSONSignature: "s"})
		if err != nil || !verdict.IsGenuine() {
			refused++
		}
	}
}

// genuine is WeChat.
type genuine struct{}

func (genuine) Verify(context.Context, openapi.Request) (openapi.Verdict, error) {
	return openapi.Genuine(), nil
}

// failover has load go on while the master of all keys, or of some, is killed: it is
// refused only until there is another one. What was acknowledged and not yet copied
// may count twice; there is little of it.
func failover(t *testing.T, address secret.Text, kill func() (replaced func())) {
	l := newLoad(t, address)
	l.await(t, 200)
	require.Zero(t, l.failures(), "the twin")
	var refused int
	var logging sync.WaitGroup
	logging.Go(func() { refused = logged(t, address, l.stop) })
	replaced := kill()
	began := time.Now()
	replaced()
	t.Logf("a new master after %v", time.Since(began).Round(10*time.Millisecond))
	// Who began before it was there, or has just heard of it, may still fail.
	store := open(t, address)
	require.Eventually(t, func() bool {
		before := l.failures()
		l.await(t, 100)
		_, err := store.Do(t.Context(), "GET", "k")
		return err == nil && l.failures() == before
	}, 20*time.Second, time.Millisecond)
	settled := l.failures()
	l.await(t, 500)
	assert.Equal(t, settled, l.failures(), "nothing is refused while there is a master")
	l.end(t)
	logging.Wait()
	assert.Zero(t, refused, "counters are only logged")
	assert.Empty(t, l.twice, "each was submitted again at once")
	lost, window := l.lost(t, address, began)
	t.Logf("%d of %d count once more; the first was acknowledged %v before the kill", lost, len(l.acked), window)
	assert.LessOrEqual(t, lost, 20)
}

// allowed is what docs/stores.md says that a user needs.
var allowed = []any{"SETUSER", "soter", "reset", "on", ">pass", "~sotercall:*", "+eval", "+evalsha", "+type",
	"+get", "+set", "+del", "+pttl", "+pexpire", "+hget", "+hset"}

func TestUserThatMayDoNoMoreThanIsNeeded(t *testing.T) {
	server := redistest.Start(t)
	server.Do("ACL", allowed...)
	address := secret.New("redis://soter:pass@" + server.Addr())
	contracts(t, address, func() { server.Do("FLUSHALL") })
	store := open(t, address)
	store.Connect(t.Context())
	assert.NoError(t, store.Hopeless())
}

func TestCluster(t *testing.T) {
	need.Time(t)
	cluster := redistest.StartCluster(t)
	for _, node := range cluster.Nodes {
		node.Do("ACL", append(slices.Clone(allowed), "+cluster|slots")...)
	}
	t.Run("as a user that may do no more than is needed", func(t *testing.T) {
		address := secret.New(strings.Replace(cluster.URL.Reveal(), ":"+redistest.Password, "soter:pass", 1))
		cluster.Flush()
		all := ledgers(t, address, 2)
		require.True(t, ledgertest.Consume(t, all[0], "a", "1"))
		require.False(t, ledgertest.Consume(t, all[1], "a", "2"))
		store := open(t, address)
		store.Connect(t.Context())
		assert.NoError(t, store.Hopeless())
	})
	contracts(t, cluster.URL, cluster.Flush)
	t.Run("storms", func(t *testing.T) { storms(t, cluster.URL) })

	t.Run("one address of it", func(t *testing.T) {
		whole, _, _ := strings.Cut(cluster.URL.Reveal(), "?")
		store := open(t, secret.New(whole+"?is_cluster_mode=true"))
		for n := range 20 {
			_, err := store.Run(t.Context(), add, fmt.Sprint(n), 1)
			require.NoError(t, err)
		}
		connected, used := hopeless(t, whole)
		assert.EqualError(t, connected, "the server is a node of a Redis Cluster: add ?is_cluster_mode=true to the address")
		assert.Equal(t, connected.Error(), used.Error())
	})

	t.Run("a slot moves under load", func(t *testing.T) {
		const key = "sotercall:counter:{moved}"
		ledger := redis.NewLedger(open(t, cluster.URL))
		tokens := redis.NewTokens(open(t, cluster.URL), "moved", time.Now)
		raise := func(counter uint64) { // the same slot as key, before, while and after it moves
			t.Helper()
			assert.Equal(t, counter-1, ledgertest.Raise(t, ledger, "{moved}", counter, fmt.Sprint(counter)))
		}
		one := accesstest.StateOf("one")
		raise(1)
		require.NoError(t, tokens.Save(t.Context(), accesstest.Lease(t, tokens), one))
		l := newLoad(t, cluster.URL)
		l.await(t, 50)
		cluster.MoveSlot(key, func() {
			raise(2)
			accesstest.RequireKept(t, one, tokens)
			l.await(t, 50)
		})
		raise(3)
		accesstest.RequireKept(t, one, tokens)
		require.NoError(t, tokens.Save(t.Context(), accesstest.Lease(t, tokens), one))
		l.await(t, 50)
		assert.Zero(t, l.failures())
		assert.Empty(t, l.twice)
		l.end(t)
	})

	t.Run("a master is killed under load", func(t *testing.T) {
		failover(t, cluster.URL, func() func() { return cluster.KillMasterOf("any") })
	})
}

func TestSentinels(t *testing.T) {
	need.Time(t)
	sentinels := redistest.StartSentinels(t)
	contracts(t, sentinels.URL, func() { sentinels.Master().Do("FLUSHALL") })

	t.Run("what they refuse", func(t *testing.T) {
		for name, c := range map[string]struct{ address, says string }{
			"an unknown master":              {strings.Replace(sentinels.URL.Reveal(), "mymaster", "other", 1), "the Sentinels know no master of this master_name"},
			"another password":               {strings.Replace(sentinels.URL.Reveal(), redistest.Password, "s3cret", 1), "refuses the user or the password (WRONGPASS)"},
			"another password of the master": {sentinels.URL.Reveal() + "&password=s3cret", "refuses the user or the password (WRONGPASS)"},
		} {
			connected, used := hopeless(t, c.address)
			assert.ErrorContains(t, connected, c.says, name)
			assert.ErrorContains(t, used, c.says, name)
		}
		connected, used := hopeless(t, sentinels.URL.Reveal()+"&username=default&password="+redistest.Password)
		assert.NoError(t, connected, "the twin")
		assert.NoError(t, used)
	})

	t.Run("the master is killed under load", func(t *testing.T) {
		failover(t, sentinels.URL, sentinels.KillMaster)
	})
}
