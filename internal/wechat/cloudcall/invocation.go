package cloudcall

import (
	"errors"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"sotercall/internal/secret"
	"sotercall/internal/upstream"
)

// defaultHost is the gateway; a region and an environment go in front of it
// (@cloudbase/node-sdk, utils/tcbapiendpoint).
const defaultHost = "tcb-api.tencentcloudapi.com"

// hostable reports whether an environment's id may stand in a host name.
func hostable(env string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789_-"
	return env != "" && len(env) <= 40 && strings.TrimLeft(env, allowed) == ""
}

// invocation holds the variables that the platform sets for the calls of one invocation.
type invocation struct {
	gateway     *url.URL
	credentials Credentials
	env         string // ID of the CloudBase environment
	region      string
	source      string // the invocation's origin, such as wx_client
	traceLog    string
	seqID       string

	apiToken, accessToken, sessionToken, tcbSessionToken secret.Text
}

// readInvocation reads the variables as the SDK does. An error names the
// variable and no value.
func readInvocation(environment map[string]string) (invocation, error) {
	i := invocation{
		credentials: Credentials{
			SecretID:  secret.New(environment["TENCENTCLOUD_SECRETID"]),
			SecretKey: secret.New(environment["TENCENTCLOUD_SECRETKEY"]),
		},
		sessionToken:    secret.New(environment["TENCENTCLOUD_SESSIONTOKEN"]),
		tcbSessionToken: secret.New(environment["TCB_SESSIONTOKEN"]),
		apiToken:        secret.New(environment[Ticket]),
		env:             environment["TCB_ENV"],
		region:          environment["TENCENTCLOUD_REGION"],
		source:          environment["TCB_SOURCE"],
		traceLog:        environment["TCB_TRACELOG"],
		seqID:           environment["TCB_SEQID"],
	}
	if i.credentials.SecretID.IsZero() || i.credentials.SecretKey.IsZero() {
		return invocation{}, errors.New("the invocation came without TENCENTCLOUD_SECRETID and TENCENTCLOUD_SECRETKEY")
	}
	if i.env == "" {
		i.env = environment["SCF_NAMESPACE"]
	}
	if token := environment["WX_TRIGGER_API_TOKEN_V0"]; environment["TRIGGER_SRC"] == "timer" && token != "" {
		i.apiToken = secret.New(token)
	}
	if i.apiToken.IsZero() {
		i.accessToken = secret.New(environment["WX_CLOUDBASE_ACCESSTOKEN"])
	}
	var err error
	i.gateway, err = gateway(environment["TCB_CONTEXT_CNFG"], i.env, i.region)
	return i, err
}

// gateway returns the address in TCB_CONTEXT_CNFG, else the public one of the region.
// Requests to it carry tokens: http is allowed to this machine only.
func gateway(config, env, region string) (*url.URL, error) {
	var injected struct {
		URL string `json:"URL"`
	}
	if config != "" && json.Unmarshal([]byte(config), &injected) != nil {
		return nil, errors.New("TCB_CONTEXT_CNFG is not a JSON object with a URL")
	}
	if injected.URL == "" {
		host := defaultHost
		if region != "" {
			host = region + "." + host
		}
		if hostable(env) {
			host = env + "." + host
		}
		return &url.URL{Scheme: "https", Host: host, Path: Path}, nil
	}
	u, err := url.Parse(injected.URL)
	if err != nil || u.Hostname() == "" || u.User != nil || !upstream.IsConfidential(u) {
		return nil, errors.New("the URL in TCB_CONTEXT_CNFG must be an https address (http only to this machine)")
	}
	return u, nil
}

// hasTicket reports whether the platform would accept a Cloud Call of this invocation.
func (i invocation) hasTicket() bool { return !i.apiToken.IsZero() || !i.accessToken.IsZero() }

// target returns the gateway's address with the parameters of one call. The SDK appends
// them to an existing query without an &.
func (i invocation) target(eventID string) *url.URL {
	seqID := eventID
	if i.seqID != "" {
		seqID = i.seqID + "-" + eventID
	}
	u := *i.gateway
	u.RawQuery += "env=" + i.env + "&seqId=" + seqID
	return &u
}

// form returns the form of a call with requestData in it.
func (i invocation) form(requestData []byte) Form {
	form := Form{
		{Name: FieldAction, Value: []byte(Action)},
		{Name: FieldAPI, Value: []byte(API)},
		{Name: FieldRequestData, Value: requestData, Binary: true},
		{Name: fieldEnv, Value: []byte(i.env)},
		{Name: FieldAPIToken, Value: reveal(i.apiToken)},
	}
	if i.apiToken.IsZero() {
		form = append(form, Field{Name: FieldAccessToken, Value: reveal(i.accessToken)})
	}
	form = append(form, Field{Name: fieldTCBSessionToken, Value: reveal(i.tcbSessionToken)})
	if !i.sessionToken.IsZero() {
		form = append(form, Field{Name: fieldSessionToken, Value: reveal(i.sessionToken)})
	}
	return append(form, Field{Name: fieldCrossAccountAuth})
}

func reveal(t secret.Text) []byte { return []byte(t.Reveal()) }
