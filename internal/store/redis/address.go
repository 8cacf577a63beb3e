package redis

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"sotercall/internal/secret"
)

// errAddress describes the form of an address. The parser's own error quotes the address,
// and with it the password.
var errAddress = errors.New("not an address of the form redis://user:password@host:6379/0, or rediss://… for TLS" +
	" (in the password, / ? # @ % stand as %2F %3F %23 %40 %25)")

// parse reads an address into the options of go-redis. The forms are those of go-redis'
// ParseURL, ParseClusterURL and ParseFailoverURL, with their parameters that name servers:
//
//	redis://user:password@host:6379/0                             one server
//	rediss://user:password@host:6379?addr=host2:6379              a Cluster, by some of its nodes
//	rediss://user:password@host:6379?is_cluster_mode=true         a Cluster, by its one endpoint
//	redis://host:26379/0?master_name=mymaster&addr=host2:26379    Sentinels
//
// With Sentinels, user and password are theirs; username and password among the parameters
// are those of the master, if it has others.
//
// It is strict. In an address with an unescaped password, a part of it could be read as the
// host, the port or the database. The first failure to connect would then show it.
func parse(address secret.Text) (*redis.UniversalOptions, error) {
	u, err := url.Parse(escapeUserinfo(address.Reveal()))
	if err != nil || (u.Scheme != "redis" && u.Scheme != "rediss") || u.Hostname() == "" || u.Fragment != "" ||
		u.ForceQuery || strings.Contains(address.Reveal(), "#") {
		return nil, errAddress
	}
	if _, err := netip.ParseAddr(u.Hostname()); err != nil && strings.Contains(u.Hostname(), ":") {
		return nil, errAddress
	}
	o := &redis.UniversalOptions{Addrs: []string{net.JoinHostPort(u.Hostname(), orDefault(u.Port(), "6379"))}}
	if u.Scheme == "rediss" {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if net.ParseIP(u.Hostname()) == nil {
			o.TLSConfig.ServerName = u.Hostname()
		}
	}
	o.Username = u.User.Username()
	o.Password, _ = u.User.Password()
	if database := strings.TrimPrefix(u.Path, "/"); database != "" {
		n, err := strconv.ParseUint(database, 10, 16)
		if err != nil {
			return nil, errAddress
		}
		o.DB = int(n)
	}
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errAddress
	}
	for name, values := range parameters {
		if err := set(o, name, values); err != nil {
			return nil, err
		}
	}
	return o, agree(o, parameters)
}

// set sets the option of a parameter of the address.
func set(o *redis.UniversalOptions, name string, values []string) error {
	last := values[len(values)-1]
	switch name {
	case "addr":
		for _, value := range values {
			host, port, err := net.SplitHostPort(value)
			if err != nil || host == "" || port == "" {
				return errors.New("an address with an addr that is not host:port")
			}
			o.Addrs = append(o.Addrs, value)
		}
		o.IsClusterMode = true
	case "is_cluster_mode":
		if last != "true" && last != "1" {
			return errors.New("an address with an is_cluster_mode that is not true: leave it away for one server")
		}
		o.IsClusterMode = true
	case "master_name":
		o.MasterName = last
	case "username", "password": // see agree
	default:
		return fmt.Errorf("%w, with no other parameters than addr, is_cluster_mode, master_name, username and password", errAddress)
	}
	return nil
}

// agree refuses conflicting parameters, and sets the credentials.
func agree(o *redis.UniversalOptions, parameters url.Values) error {
	if o.MasterName != "" {
		if parameters.Has("is_cluster_mode") {
			return errors.New("an address with both is_cluster_mode and master_name: Sentinels watch over one master")
		}
		o.IsClusterMode = false // addr names more Sentinels
		o.SentinelUsername, o.SentinelPassword = o.Username, o.Password
		if parameters.Has("password") {
			o.Username, o.Password = parameters.Get("username"), parameters.Get("password")
		}
		return nil
	}
	switch {
	case parameters.Has("master_name"):
		return errors.New("an address with an empty master_name")
	case parameters.Has("username") || parameters.Has("password"):
		return errors.New("an address with a username or password among its parameters, which only one with a master_name may have:" +
			" they stand before the host")
	case o.IsClusterMode && o.DB != 0:
		return errors.New("an address of a Cluster with a database: a Cluster has database 0 only")
	}
	return nil
}

// escapeUserinfo escapes characters of passwords that net/url does not read: providers
// generate passwords with them. Characters with a meaning in an address stay unchanged.
func escapeUserinfo(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		return address
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	end := strings.LastIndexByte(authority, '@')
	if end < 0 {
		return address
	}
	var escaped strings.Builder
	for _, c := range []byte(rest[:end]) {
		if strings.IndexByte("\"<>[\\]^`{|} ", c) >= 0 || c >= 0x80 {
			fmt.Fprintf(&escaped, "%%%02X", c)
		} else {
			escaped.WriteByte(c)
		}
	}
	return scheme + "://" + escaped.String() + rest[end:]
}

func orDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
