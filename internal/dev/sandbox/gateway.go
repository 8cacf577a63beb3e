package sandbox

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/dev/rule"
	"sotercall/internal/secret"
	"sotercall/internal/wechat/cloudcall"
)

// Codes of the platform's refusals, in place of WeChat's reply.
const (
	refusalNoSuchAPI    = -604100
	refusalNoPermission = -604101
	refusalTimeout      = -604102
	refusalSystem       = -604103
)

// upstreamPath is the path of the gateway's request to WeChat. Its faults affect that
// request as well.
const upstreamPath = "/cgi-bin/soter/verify_signature"

// gatewayPatienceMS is the delay of a fault above which the gateway refuses with "too
// late". The platform documents no such limit; this one is ours.
const gatewayPatienceMS = 3000

// gateway is CloudBase's gateway for Cloud Calls. wx-server-sdk and package cloudcall use
// it if TCB_CONTEXT_CNFG={"URL":"http://127.0.0.1:…/admin"} is in their environment.
type gateway struct {
	ticket      string
	credentials cloudcall.Credentials // zero admits any
	permitted   bool
}

func newGateway(o Options) (gateway, error) {
	if (o.CloudSecretID == "") != (o.CloudSecretKey == "") {
		return gateway{}, fmt.Errorf("%w: CloudSecretID and CloudSecretKey go together", ErrArgument)
	}
	g := gateway{
		credentials: cloudcall.Credentials{SecretID: secret.New(o.CloudSecretID), SecretKey: secret.New(o.CloudSecretKey)},
		permitted:   true,
		ticket:      o.CloudTicket,
	}
	if o.FunctionConfig == nil {
		return g, nil
	}
	var config struct {
		Permissions struct {
			OpenAPI []string `json:"openapi"`
		} `json:"permissions"`
	}
	if err := json.Unmarshal(o.FunctionConfig, &config); err != nil {
		return gateway{}, fmt.Errorf("%w: FunctionConfig: %w", ErrArgument, err)
	}
	g.permitted = slices.Contains(config.Permissions.OpenAPI, cloudcall.API)
	return g, nil
}

// serveGateway serves a Cloud Call. With a FaultErrCode, FaultBody or FaultBare, the
// gateway passes on that reply of WeChat. With a FaultPermission it refuses the call
// itself. The zero Fault is none.
func (s *Sandbox) serveGateway(w http.ResponseWriter, r *http.Request, fault Fault) {
	if r.Method != http.MethodPost {
		gatewayMethod.Refuse()
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "a Cloud Call is a POST", http.StatusMethodNotAllowed)
		return
	}
	action, response, refusal := s.cloudCall(r, fault)
	if refusal != nil {
		s.refuseCall(w, r, refusal)
		return
	}
	if response.ErrorCode != 0 { // its rule has been counted
		s.log.Info("sandbox refused", slog.String("path", r.URL.Path), slog.Int("errorCode", int(response.ErrorCode)))
	}
	action.answer(w, response)
}

func (s *Sandbox) refuseCall(w http.ResponseWriter, r *http.Request, refusal *cloudcall.GatewayError) {
	refusal.RequestID = requestID()
	s.log.Info("sandbox refused", slog.String("path", r.URL.Path),
		slog.String("code", refusal.Code), slog.String("message", refusal.Message))
	w.Header().Set("Content-Type", cloudcall.ErrorType)
	_, _ = w.Write(jsonText(refusal))
}

func requestID() string { return fmt.Sprintf("sandbox-%016x", rand.Uint64()) }

// action is the action of a form: how to read its requestData, and how to write the reply.
type action struct {
	readParameters func(requestData []byte) (members, *cloudcall.GatewayError)
	answer         func(w http.ResponseWriter, response cloudcall.Response)
}

// actions are those that call soter.verifySignature.
var actions = map[string]action{
	cloudcall.Action: {readParameters: readPairs, answer: answerProtobuf},
	legacyAction:     {readParameters: readJSON, answer: answerJSON},
}

// cloudCall reads and judges a call. It must carry the ticket of an invocation
// ([cloudcall.Ticket]), which is Options.CloudTicket, or the app's own
// cloudbase_access_token, which the SDKs send in its place. The order of the checks is not
// documented. In practice the platform also replies INVALID_PARAM "Invalid wxCloudApiToken"
// to an invalid ticket: use a fault for that.
func (s *Sandbox) cloudCall(r *http.Request, fault Fault) (action, cloudcall.Response, *cloudcall.GatewayError) {
	refuse := func(r *rule.Rule, code, message string) (action, cloudcall.Response, *cloudcall.GatewayError) {
		r.Refuse()
		return action{}, cloudcall.Response{}, &cloudcall.GatewayError{Code: code, Message: message}
	}
	body, err := io.ReadAll(r.Body) // in memory since observed
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	form, err := readForm(r.Header.Get("Content-Type"), body)
	if err != nil {
		return refuse(gatewayForm, "INVALID_COMMON_PARAM", err.Error())
	}
	if err := s.checkSignature(r, form); err != nil {
		return refuse(gatewaySignature, "SIGN_PARAM_INVALID", err.Error())
	}
	asked, ok := actions[string(form.Get(cloudcall.FieldAction))]
	ticket, token := string(form.Get(cloudcall.FieldAPIToken)), string(form.Get(cloudcall.FieldAccessToken))
	switch {
	case !ok:
		return refuse(gatewayAction, "INVALID_PARAM", "action is neither "+cloudcall.Action+" nor "+legacyAction)
	case ticket == "" && token == "":
		return refuse(gatewayNoTicket, "INVALID_PARAM", "missing "+cloudcall.FieldAPIToken)
	case ticket != "" && ticket != s.gateway.ticket, ticket == "" && !s.app.tokens.good(token):
		return refuse(gatewayTicket, "INVALID_WX_ACCESS_TOKEN", "invalid wx openapi access_token")
	case string(form.Get(cloudcall.FieldAPI)) != cloudcall.API:
		gatewayAPI.Refuse()
		return asked, cloudcall.Response{ErrorCode: refusalNoSuchAPI}, nil
	case !s.gateway.permitted:
		gatewayPermission.Refuse()
		return asked, cloudcall.Response{ErrorCode: refusalNoPermission}, nil
	case fault.Kind == FaultPermission:
		gatewayFresh.Refuse()
		return asked, cloudcall.Response{ErrorCode: refusalNoPermission}, nil
	}
	parameters, refusal := asked.readParameters(form.Get(cloudcall.FieldRequestData))
	if refusal == nil {
		refusal = parameters.complete()
	}
	if refusal != nil {
		return action{}, cloudcall.Response{}, refusal
	}
	return asked, s.askWeChat(r, parameters, fault), nil
}

// readForm reads the fields of a call. Multipart and JSON are the same to the gateway: the
// signature covers the fields and not their encoding (signer.js of
// @cloudbase/signature-nodejs).
func readForm(contentType string, body []byte) (cloudcall.Form, error) {
	if kind, _, _ := mime.ParseMediaType(contentType); kind == "application/json" {
		return readJSONForm(body)
	}
	return cloudcall.ReadForm(contentType, body)
}

func invalidParam(message string) *cloudcall.GatewayError {
	gatewayParameters.Refuse()
	return &cloudcall.GatewayError{Code: "INVALID_PARAM", Message: message}
}

// checkSignature refuses as CloudBase does, with texts that were seen there
// ("SIGN_PARAM_INVALID: secret id error", "… signature is expired"). The SDK turns that
// code into -501001, as all unknown ones.
func (s *Sandbox) checkSignature(r *http.Request, form cloudcall.Form) error {
	if s.gateway.credentials.SecretID.IsZero() {
		return nil
	}
	if form.Get(fieldAuthorization) != nil {
		return s.gateway.verifySHA1(r, form, s.now())
	}
	return s.gateway.credentials.Verify(cloudcall.Message{
		Host:     r.Host,
		Path:     r.URL.EscapedPath(),
		RawQuery: r.URL.RawQuery,
		Header:   r.Header,
		Form:     form,
	}, s.now())
}

// readPairs reads the parameters of the action wx.openApi.
func readPairs(requestData []byte) (members, *cloudcall.GatewayError) {
	pairs, err := cloudcall.UnmarshalCall(requestData)
	if err != nil {
		return nil, invalidParam("requestData: " + err.Error())
	}
	m := members{}
	for _, p := range pairs {
		value := jsontext.Value(p.Value)
		if _, twice := m[p.Key]; twice || !value.IsValid() {
			return nil, invalidParam("a parameter is duplicated or is not JSON text")
		}
		m[p.Key] = value
	}
	return m, nil
}

func answerProtobuf(w http.ResponseWriter, response cloudcall.Response) {
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(response.Marshal())
}

// complete refuses missing parameters with the text of our own function, so that a
// developer learns the same from both.
func (m members) complete() *cloudcall.GatewayError {
	for _, parameter := range []struct{ key, name string }{
		{cloudcall.KeyJSONString, "jsonString"},
		{cloudcall.KeyJSONSignature, "jsonSignature"},
		{cloudcall.KeyOpenID, "openid"},
	} {
		if text, err := m.text(parameter.key); err == nil && text == "" {
			return invalidParam("parameter." + parameter.name + " is missing")
		}
	}
	return nil
}

// askWeChat makes the call behind the gateway. The platform's credentials are always valid
// there, and WeChat's reply is passed on unchanged. Refusals are three: no reply, an HTTP
// status other than 200, and a reply that is too late. Nothing sleeps for the last: it is
// known in advance.
func (s *Sandbox) askWeChat(r *http.Request, parameters members, fault Fault) cloudcall.Response {
	if fault.Kind == "" {
		fault, _ = s.takeFirstFault(func(f Fault) bool { return f.Path == upstreamPath && f.concerns(s.app.id) })
	}
	if fault.DelayMS > gatewayPatienceMS {
		gatewayLate.Refuse()
		return cloudcall.Response{ErrorCode: refusalTimeout}
	}
	reply := captureStruck(func(w http.ResponseWriter) {
		upstream := s.answered(func(*http.Request, []byte) (any, error) { return s.app.judge(parameters) })
		if fault.Kind == "" {
			upstream.ServeHTTP(w, r)
			return
		}
		s.strikeConnection(fault, upstream, w, r)
	})
	if reply == nil || reply.status != http.StatusOK {
		gatewayBroken.Refuse()
		return cloudcall.Response{ErrorCode: refusalSystem}
	}
	return cloudcall.Response{Data: reply.body, ContentType: reply.header.Get("Content-Type")}
}

// captureStruck returns what answer wrote, nil if it broke the connection.
func captureStruck(answer func(w http.ResponseWriter)) (reply *captured) {
	reply = &captured{header: make(http.Header), status: http.StatusOK}
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler {
				panic(p)
			}
			reply = nil
		}
	}()
	answer(reply)
	return reply
}

// isWeChats reports whether a fault is a reply of WeChat. If it is injected for the
// gateway, the gateway gets that reply and passes it on.
func (f Fault) isWeChats() bool {
	return f.Kind == FaultErrCode || f.Kind == FaultBody || f.Kind == FaultBare
}

// isGateways reports whether only the gateway has a fault of this kind.
func (f Fault) isGateways() bool { return f.Kind == FaultPermission || f.Kind == FaultGateway }
