package redis

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
)

func TestAddressIsRefusedWithoutBeingQuoted(t *testing.T) {
	for name, c := range map[string]struct{ address, says string }{
		"empty":                                {"", "not an address of the form"},
		"no scheme":                            {"host:6379", "not an address of the form"},
		"another scheme":                       {"http://:s3cret@host:6379/0", "not an address of the form"},
		"no host":                              {"redis://:s3cret@:6379/0", "not an address of the form"},
		"a host with a colon":                  {"redis://:s3cret:1", "not an address of the form"},
		"opaque":                               {"redis:s3cret", "not an address of the form"},
		"bad escape":                           {"redis://:s3cret%zz@host:6379/0", "not an address of the form"},
		"slash in the password":                {"redis://:s3cret/x@host:6379/0", "not an address of the form"},
		"slash after a digit password":         {"redis://default:1234/s3cret@host:6379/0", "not an address of the form"},
		"question mark in the password":        {"redis://default:1234?s3cret@host:6379/0", "not an address of the form"},
		"number sign in the password":          {"redis://default:1234#s3cret@host:6379/0", "not an address of the form"},
		"a database that is no number":         {"redis://:s3cret@host:6379/first", "not an address of the form"},
		"a database that is no database":       {"redis://:s3cret@host:6379/99999999", "not an address of the form"},
		"an option that nothing reads":         {"redis://:s3cret@host:6379/0?timeout=1", "no other parameters than addr"},
		"an option that would undo a deadline": {"redis://:s3cret@host:6379/0?read_timeout=-1", "no other parameters than addr"},
		"an empty query":                       {"redis://:s3cret@host:6379/0?", "not an address of the form"},
		"addr without a port":                  {"redis://:s3cret@host:6379?addr=s3cret", "addr that is not host:port"},
		"a Cluster with a database":            {"redis://:s3cret@host:6379/3?addr=host2:6379", "database 0 only"},
		"half a Cluster":                       {"redis://:s3cret@host:6379?is_cluster_mode=yes", "is_cluster_mode that is not true"},
		"a Cluster that Sentinels watch":       {"redis://:s3cret@host:6379?is_cluster_mode=true&master_name=m", "both is_cluster_mode and master_name"},
		"an empty name of a master":            {"redis://:s3cret@host:6379?master_name=", "empty master_name"},
		"a password at the wrong place":        {"redis://host:6379?password=s3cret", "stand before the host"},
	} {
		store, err := Open(secret.New(c.address))
		if assert.Error(t, err, name) {
			assert.Nil(t, store, name)
			assert.Contains(t, err.Error(), c.says, name)
			assert.NotContains(t, err.Error(), "s3cret", name)
		}
	}
}

func TestAddressIsRead(t *testing.T) {
	for address, want := range map[string]string{
		"redis://host":                                                  "host:6379 / /",
		"redis://host/":                                                 "host:6379 / /",
		"redis://host:6379":                                             "host:6379 / /",
		"redis://:pass%2Fword@host:6379/15":                             "host:6379 /pass/word/ 15",
		"rediss://user:s3cret@host:6380/0":                              "host:6380 user/s3cret/ TLS host",
		"REDISS://10.0.0.1":                                             "10.0.0.1:6379 / / TLS ",
		"redis://:s3cret@[::1]:6379/0":                                  "[::1]:6379 /s3cret/",
		"redis://h1:7000?addr=h2:7001&addr=[::1]:72":                    "h1:7000,h2:7001,[::1]:72 / / cluster",
		"rediss://u:p@cfg:6379?is_cluster_mode=true":                    "cfg:6379 u/p/ TLS cfg cluster",
		"redis://:p@s1:26379/2?master_name=my&addr=s2:26379":            "s1:26379,s2:26379 /p/p 2 my",
		"redis://:sp@s1:26379?master_name=my&username=u&password=p%26q": "s1:26379 u/p&q/sp my",
		"redis://s1?master_name=my&password=p":                          "s1:6379 /p/ my",
		`redis://u:a"b<c>d[e\f]g^h{i|j}k` + "`" + ` l'm!n$o&p(q)r*s+t,u;v=w:x~y@host`: "host:6379 u/" + `a"b<c>d[e\f]g^h{i|j}k` + "`" + ` l'm!n$o&p(q)r*s+t,u;v=w:x~y/`,
		"redis://:密码@host":           "host:6379 /密码/",
		"redis://:a%5Bb%7Cc%40@host": "host:6379 /a[b|c@/",
		"redis://:p@ssword@host":     "host:6379 /p@ssword/",
	} {
		o, err := parse(secret.New(address))
		if !assert.NoError(t, err, address) {
			continue
		}
		got := strings.Join(o.Addrs, ",") + " " + o.Username + "/" + o.Password + "/" + o.SentinelPassword
		if o.DB != 0 {
			got += " " + map[int]string{2: "2", 15: "15"}[o.DB]
		}
		if o.TLSConfig != nil {
			got += " TLS " + o.TLSConfig.ServerName
		}
		if o.IsClusterMode {
			got += " cluster"
		}
		if o.MasterName != "" {
			got += " " + o.MasterName
		}
		want = strings.Replace(want, "/ /", "//", 1)
		assert.Equal(t, want, got, address)
	}
}

// Whatever an address is, it is refused without being quoted, or read so that the host
// is what stands after the last @ of its authority.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"redis://u:p@h:1/2", "rediss://:a[@h?addr=x:1", "redis://h?master_name=m&password=p", "redis://%", "redis://@@h", "redis://[::1]:@"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		o, err := parse(secret.New(address))
		if err != nil {
			require.NotContains(t, err.Error(), "s3cret")
			return
		}
		require.NotEmpty(t, o.Addrs)
		_, rest, _ := strings.Cut(address, "://")
		authority := rest[:min(len(rest), strings.IndexAny(rest+"/", "/?#"))]
		host := authority[strings.LastIndexByte(authority, '@')+1:]
		first := strings.TrimSuffix(o.Addrs[0], ":6379")
		if !strings.ContainsAny(host, "%[") {
			require.Contains(t, host+":6379", first)
		}
	})
}
