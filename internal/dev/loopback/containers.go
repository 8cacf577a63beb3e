package loopback

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"sync"

	"sotercall/internal/upstream"
)

// Containers are those of this computer. The zero Containers are those of Docker Desktop,
// which connect to loopback.
type Containers struct {
	gateway  netip.Addr     // the address of host-gateway; the zero Addr for Docker Desktop
	networks []netip.Prefix // their addresses
}

// ErrNoBridge says that this computer has no bridge of Docker's.
var ErrNoBridge = errors.New("there is no docker0: where Docker runs by itself, start it first; the containers of Docker Desktop come to loopback")

// bridges matches Docker's names of bridges: of its first network, and of those made by
// docker network create.
var bridges = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(docker0|br-[0-9a-f]{12})$`) })

// FindContainers looks for Docker's bridges. It fails with [ErrNoBridge].
func FindContainers() (Containers, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return Containers{}, err
	}
	found := map[string][]net.Addr{}
	for _, i := range interfaces {
		if found[i.Name], err = i.Addrs(); err != nil {
			return Containers{}, err
		}
	}
	return among(found)
}

// among finds them among interfaces, by name.
func among(interfaces map[string][]net.Addr) (Containers, error) {
	var c Containers
	for name, addresses := range interfaces {
		if !bridges().MatchString(name) {
			continue
		}
		for _, address := range addresses {
			prefix, err := netip.ParsePrefix(address.String())
			if err != nil || !prefix.Addr().Is4() {
				continue
			}
			c.networks = append(c.networks, prefix.Masked())
			if name == "docker0" {
				c.gateway = prefix.Addr()
			}
		}
	}
	if !c.gateway.IsValid() {
		return Containers{}, ErrNoBridge
	}
	return c, nil
}

// Listen listens on the port at the address where containers reach this computer, beside
// [Listen]. It returns nil if they connect to loopback.
func (c Containers) Listen(port string) (net.Listener, error) {
	if !c.gateway.IsValid() {
		return nil, nil
	}
	return net.Listen("tcp", net.JoinHostPort(c.gateway.String(), port))
}

// Only is [Only] that also admits containers of this computer, under their name for it.
// Other computers, too, may send packets to the listener on a bridge; they are refused by
// their address.
func (c Containers) Only(next http.Handler, pages ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !c.has(r.RemoteAddr):
			refuse(w, "this server is for this computer and its containers only")
		case !upstream.IsThisComputer(r.Host) && !c.isGateway(r.Host):
			refuse(w, "this server is reached through a loopback address, localhost or "+upstream.DockerHost+" only")
		default:
			serveOwn(next, pages, w, r)
		}
	})
}

func (c Containers) has(remote string) bool {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	address := from.Addr().Unmap()
	if address.IsLoopback() {
		return true
	}
	for _, network := range c.networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

func (c Containers) isGateway(hostport string) bool {
	host, err := netip.ParseAddrPort(hostport)
	return err == nil && host.Addr() == c.gateway
}
