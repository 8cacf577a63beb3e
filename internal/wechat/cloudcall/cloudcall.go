// Package cloudcall is the wire format of a Cloud Call. With it a function inside CloudBase
// calls WeChat through the platform's gateway. It needs no AppSecret and no access_token,
// because the platform knows the function's app.
//
// WeChat documents the call of wx-server-sdk and not the wire. This package follows the
// source of wx-server-sdk 4.0.2, and of @cloudbase/node-sdk 3.17.2 and
// @cloudbase/signature-nodejs 2.2.0 under it. Tests compare it with recorded requests of
// that SDK. A call is one POST:
//
//	the form        action, apiName, tokens of the invocation      Form
//	requestData     the parameters, a protobuf message in the form MarshalCall
//	Authorization   TC3-HMAC-SHA256 over headers and form          Credentials
//	the reply       protobuf around WeChat's JSON, or an error     Response
//
// [Verifier] makes the call; the sandbox's gateway answers it with the same pieces.
package cloudcall

// Constants of the form and of its address.
const (
	Path   = "/admin"
	Action = "wx.openApi"
	API    = "soter.verifySignature"
)

// Names of the form's fields.
const (
	FieldAction      = "action"
	FieldAPI         = "apiName"
	FieldRequestData = "requestData"
	// FieldAPIToken is the ticket of the invocation: see [Ticket].
	FieldAPIToken = "wxCloudApiToken"
	// FieldAccessToken is the field that the SDK sends if there is no ticket.
	FieldAccessToken = "wxCloudbaseAccesstoken"

	fieldEnv              = "envName"
	fieldTCBSessionToken  = "tcb_sessionToken"
	fieldSessionToken     = "sessionToken"
	fieldCrossAccountAuth = "crossAuthorizationToken"
)

// Ticket is the variable with an invocation's ticket for its Cloud Calls. Three callers
// give an invocation one: a Mini Program page, WeChat's invokeCloudFunction, and a timer
// that was set in WeChat's developer tools. Calls from another function, the console, the
// web or any other timer have none (CloudBase, error-code/INVALID_PARAM).
const Ticket = "WX_API_TOKEN"

// Names of the three parameters, in the SDK's order. Its callers write jsonString and
// jsonSignature, and it sends names with underscores.
const (
	KeyOpenID        = "openid"
	KeyJSONString    = "json_string"
	KeyJSONSignature = "json_signature"
)
