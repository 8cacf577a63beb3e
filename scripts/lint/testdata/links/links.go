// Package links has doc links that lead somewhere, as [Server], [Server.Addr],
// [Server.Close], [http.Server], [net/http.Server.Close] [links.Server] and [os.File] do, and
// [redacted], a word.
package links

import "net/http"

// Server is linked to.
type Server struct {
	Addr string
	http.Server
}

// Close does what [http.Server.Close] does. Dead are [Servers], [Server.Open],
// [http.Serves], [http.Server.Addresses] and, since go/doc links no such name, [unexported].
func (s *Server) Close() error { return nil }

func unexported() { _ = unexported }
