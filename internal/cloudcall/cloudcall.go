// Package cloudcall is the wire of a Cloud Call: how a function inside CloudBase
// asks WeChat through the platform's gateway, with no AppSecret and no
// access_token, because the platform knows whose function it is.
//
// WeChat documents the call as wx-server-sdk sees it and not the wire. What
// stands here was read in wx-server-sdk 4.0.2 and in the @cloudbase/node-sdk
// 3.17.2 and @cloudbase/signature-nodejs 2.2.0 under it, and is held against
// recorded requests of that SDK. A call is one POST:
//
//	the form        action, apiName, tokens of the invocation      Form
//	requestData     the parameters, a protobuf message in the form MarshalCall
//	Authorization   TC3-HMAC-SHA256 over headers and form          Credentials
//	the reply       protobuf around WeChat's JSON, or an error     Response
//
// [Verifier] makes the call; the sandbox's gateway answers it with the same
// pieces.
package cloudcall

// What the form says, and where it goes.
const (
	Path   = "/admin"
	Action = "wx.openApi"
	API    = "soter.verifySignature"
)

// Names of the fields of the form.
const (
	FieldAction      = "action"
	FieldAPI         = "apiName"
	FieldRequestData = "requestData"
	// FieldAPIToken is the ticket of the invocation: see [Ticket].
	FieldAPIToken = "wxCloudApiToken"
	// FieldAccessToken is what the SDK sends where there is no ticket.
	FieldAccessToken = "wxCloudbaseAccesstoken"

	fieldEnv              = "envName"
	fieldTCBSessionToken  = "tcb_sessionToken"
	fieldSessionToken     = "sessionToken"
	fieldCrossAccountAuth = "crossAuthorizationToken"
)

// Ticket is the variable in which the platform hands an invocation the ticket for
// its Cloud Calls. An invocation has one when a Mini Program page called the
// function itself, when WeChat's invokeCloudFunction did, and when a timer did that
// was set in WeChat's developer tools. Whatever another function, the console, the
// web or any other timer calls has none (CloudBase, error-code/INVALID_PARAM).
const Ticket = "WX_API_TOKEN"

// Names of the three parameters, in the SDK's order. The SDK spells what its
// caller writes as jsonString and jsonSignature with underscores.
const (
	KeyOpenID        = "openid"
	KeyJSONString    = "json_string"
	KeyJSONSignature = "json_signature"
)
