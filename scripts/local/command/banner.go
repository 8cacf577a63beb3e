package main

import (
	"fmt"
	"io"
	"strings"

	"sotercall/scripts/local/texts"
)

// offer is a command to try while everything is served. BASE and HOST are placeholders for
// the server's address.
type offer struct {
	key     string // of the text that says what it is
	values  string // what the text names: BASE or HOST; "" for nothing
	command string
}

const (
	verifySignature = " -d @event.json"
	someUser        = "oLocal-User_0000000000000001"
)

var offers = []offer{
	{"sign", "", `curl -s BASE/sandbox/phone/sign -d '{"openid":"` + someUser + `","challenge":"hello","device":"android"}' > event.json`},
	{"lambda", "BASE", "curl -s BASE/2015-03-31/functions/verify/invocations" + verifySignature},
	{"scf", "HOST", "curl -s BASE/scf/functions/verify/invocations" + verifySignature},
	{"hosting", "", "curl -s BASE/callContainer/" + someUser + "/openapi/soter/verifySignature" + verifySignature},
	{"gateway", "", "curl -s BASE/openapi/soter/verifySignature" + verifySignature},
	{"challenge", "", `curl -s BASE/2015-03-31/functions/challenge/invocations -d '{"openid":"` + someUser + `"}'`},
	{"token", "BASE", `curl -s BASE/functions/cgi-bin/stable_token -d '{"grant_type":"client_credential","appid":"wx5a4db0c55a4db0c5","secret":"local-client-secret-is-no-secret"}'`},
	{"wechat", "", `curl -s BASE/cgi-bin/stable_token -d '{"grant_type":"client_credential","appid":"wx5a4db0c55a4db0c5","secret":"sandbox-is-no-secret-sandbox-000"}'`},
	{"cloudcall", "", `export TCB_CONTEXT_CNFG='{"URL":"BASE/admin"}' SCF_NAMESPACE=local TENCENTCLOUD_SECRETID=any TENCENTCLOUD_SECRETKEY=any WX_CONTEXT_KEYS=WX_API_TOKEN WX_API_TOKEN=ticket-of-the-emulator`},
	{"fault", "", `curl -s BASE/sandbox/faults -d '{"path":"/cgi-bin/soter/verify_signature","kind":"errcode","errcode":-1,"times":2}'`},
}

// printBanner prints what can be tried at base.
func printBanner(out io.Writer, table texts.Table, base string) {
	place := strings.NewReplacer("BASE", base, "HOST", strings.TrimPrefix(base, "http://"))
	fmt.Fprintf(out, "%s\n\n", table.Say("serve.ready", base))
	for _, o := range offers {
		var values []any
		if o.values != "" {
			values = append(values, place.Replace(o.values))
		}
		fmt.Fprintf(out, "%s\n  %s\n\n", table.Say("serve."+o.key, values...), place.Replace(o.command))
	}
}
