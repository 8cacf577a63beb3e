package main

import (
	"fmt"
	"io"
	"strings"

	"sotercall/internal/dev/emulator"
	"sotercall/scripts/local/texts"
)

// offer is a command to try while everything is served. In it, and in its text, BASE and HOST
// are placeholders for the server's address.
type offer struct {
	key     string // of the text that says what it is
	command string
}

const (
	verifySignature = " -d @event.json"
	someUser        = "oLocal-User_0000000000000001"
)

// offers returns all offers, one of each platform among them.
func offers() []offer {
	all := []offer{{"sign", `curl -s BASE/sandbox/phone/sign -d '{"openid":"` + someUser + `","challenge":"hello","device":"android"}' > event.json`}}
	for _, p := range emulator.Platforms {
		all = append(all, offer{p.Name, "curl -s BASE" + p.Paths[0] + "verify/invocations" + verifySignature})
	}
	return append(all, otherOffers...)
}

var otherOffers = []offer{
	{"hosting", "curl -s BASE/callContainer/" + someUser + "/openapi/soter/verifySignature" + verifySignature},
	{"gateway", "curl -s BASE/openapi/soter/verifySignature" + verifySignature},
	{"challenge", `curl -s BASE/2015-03-31/functions/challenge/invocations -d '{"openid":"` + someUser + `"}'`},
	{"token", `curl -s BASE/functions/cgi-bin/stable_token -d '{"grant_type":"client_credential","appid":"wx5a4db0c55a4db0c5","secret":"local-client-secret-is-no-secret"}'`},
	{"wechat", `curl -s BASE/cgi-bin/stable_token -d '{"grant_type":"client_credential","appid":"wx5a4db0c55a4db0c5","secret":"sandbox-is-no-secret-sandbox-000"}'`},
	{"cloudcall", `export TCB_CONTEXT_CNFG='{"URL":"BASE/admin"}' SCF_NAMESPACE=local TENCENTCLOUD_SECRETID=any TENCENTCLOUD_SECRETKEY=any WX_CONTEXT_KEYS=WX_API_TOKEN WX_API_TOKEN=ticket-of-the-emulator`},
	{"fault", `curl -s BASE/sandbox/faults -d '{"path":"/cgi-bin/soter/verify_signature","kind":"errcode","errcode":-1,"times":2}'`},
}

// printBanner prints what can be tried at base.
func printBanner(out io.Writer, table texts.Table, base string) {
	place := strings.NewReplacer("BASE", base, "HOST", strings.TrimPrefix(base, "http://"))
	fmt.Fprintf(out, "%s\n\n", table.Say("serve.ready", base))
	for _, o := range offers() {
		fmt.Fprintf(out, "%s\n", place.Replace(table.Say("serve."+o.key)+"\n  "+o.command+"\n"))
	}
}
