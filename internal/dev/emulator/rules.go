package emulator

import "sotercall/internal/dev/rule"

// rules are all refusals of the stand-ins in this package, each with the vendor's statement
// (in our words) and its address.
var rules rule.Book

// Rules returns all refusals of the stand-ins in this package, and what they accept
// although the platform forbids it.
func Rules() *rule.Book { return &rules }

// The pages of most rules.
const (
	awsLimits      = "docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
	awsCreate      = "docs.aws.amazon.com/goto/WebAPI/lambda/CreateFunction"
	awsEnvironment = "docs.aws.amazon.com/lambda/latest/dg/API_Environment.html"
	awsVariables   = "docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"
	awsPhases      = "docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"
	awsInvoke      = rule.Unconfirmed + "docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"
	awsThrottled   = "docs.aws.amazon.com/botocore/latest/reference/services/lambda/client/exceptions/TooManyRequestsException.html"
	awsURLs        = "docs.amazonaws.cn/lambda/latest/dg/urls-invocation.html"
	awsURLThrottle = rule.Unconfirmed + "docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html"
	awsURLConfig   = "docs.aws.amazon.com/lambda/latest/api/API_FunctionUrlConfig.html"
	awsRapi        = "github.com/aws/aws-lambda-runtime-interface-emulator/tree/main/lambda/rapi"
	awsHTTPAPI     = "docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"
	awsHTTPRate    = "docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html"
	awsPayload2    = "docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"
	awsRESTAPI     = rule.Unconfirmed + "docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"
	awsRESTErrors  = "docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html"
	awsRESTRate    = "docs.amazonaws.cn/en_us/apigateway/latest/developerguide/api-gateway-request-throttling.html"
	awsRESTProxy   = "repost.aws/knowledge-center/malformed-502-api-gateway"
	awsBackend     = "repost.aws/knowledge-center/api-gateway-internal-server-error"

	scfQuotas    = "cloud.tencent.com/document/product/583/11637"
	scfCreate    = "cloud.tencent.com/document/api/583/18586"
	scfVariables = "cloud.tencent.com/document/product/583/14570"
	scfStatus    = "cloud.tencent.com/document/product/583/42611"
	scfOverrun   = "tencentcloud.com/document/product/583/39848"
	scfURLs      = "cloud.tencent.com/document/product/583/96099"
	scfURLAuth   = "cloud.tencent.com/document/product/583/96100"
	scfInvokeDoc = "cloud.tencent.com/document/api/583/17243"
	tcRequest    = rule.Unconfirmed + "tencentcloud.com/document/product/583/17237"
	tcSignature  = "www.tencentcloud.com/zh/document/product/583/31703"
	// tcErrors has the error codes of all of Tencent Cloud's APIs. It is one of several
	// pages with them.
	tcErrors = "tencentcloud.com/document/product/1140/51177"

	tcbPayload    = "docs.cloudbase.net/en/error-code/EXCEED_MAX_PAYLOAD_SIZE"
	tcbConcurrent = "docs.cloudbase.net/error-code/EXCEED_CONCURRENT_REQUEST_LIMIT"
	tcbParam      = "docs.cloudbase.net/error-code/INVALID_PARAM"
	tcbVariables  = "docs.cloudbase.net/cloud-function/function-configuration/env"
	wxInvoke      = "developers.weixin.qq.com/doc/oplatform/openApi/cloudbase-common/scf-management/api_invokecloudfunction"
	wxContainer   = "developers.weixin.qq.com/minigame/dev/wxcloud/guide/container/wxinfo.html"
)

// AWS Lambda.
var (
	lambdaName = rules.Documented("Lambda: function name",
		"a name alone has 64 characters at most: letters, digits, hyphens and underscores", awsCreate)
	lambdaTimeout = rules.Documented("Lambda: timeout of a function",
		"an integer of seconds, 900 at most", awsLimits)
	lambdaMemory = rules.Documented("Lambda: memory",
		"128 MB to 10,240 MB, in steps of 1 MB", awsLimits)
	lambdaVariable = rules.Documented("Lambda: name of a variable",
		"a key begins with a letter, and one letter, digit or underscore at least follows", awsEnvironment)
	lambdaReserved = rules.Documented("Lambda: reserved variable",
		"the variables that the runtime defines as reserved cannot be set in the function's configuration", awsVariables)
	lambdaVariables = rules.Documented("Lambda: size of the variables",
		"all variables of a function together have 4 KB at most", awsLimits)
	lambdaCallVariables = rules.Own("Lambda: variables of one invocation",
		"the API Invoke has no parameter for them: a test that passes some means SCF")
	lambdaEvent = rules.Documented("Lambda: size of an event",
		"the payload of a synchronous request has 6 MB at most", awsLimits)
	lambdaInit = rules.Documented("Lambda: time of the INIT phase",
		"the INIT phase takes 10 s at most", awsPhases)
	lambdaTime = rules.Documented("Lambda: time of an invocation",
		"when the function's timeout is over, Lambda ends the invocation and resets the environment", awsPhases)

	runtimeNext = rules.Documented("Runtime API: next before the response",
		"a runtime in the state of an invocation cannot ask for the next one: 403, InvalidStateTransition", awsRapi)
	runtimeTwice = rules.Documented("Runtime API: second response",
		"a response to an invocation that has one: 403, InvalidStateTransition", awsRapi)
	runtimeID = rules.Documented("Runtime API: id of another invocation",
		"a response with another id than the current invocation's: 400, InvalidRequestID", awsRapi)
	runtimeSize = rules.Documented("Runtime API: size of a response",
		"the payload of a response has 6 MB at most: 413, Function.ResponseSizeTooLarge", awsRapi)
	runtimeTrailer = rules.Own("Runtime API: error trailer that is not base64",
		"aws-lambda-go writes it in base64, anything else is a fault of the test")

	invokeName = rules.Documented("Invoke: unknown function or version",
		"the resource in the request does not exist: 404, ResourceNotFoundException", awsInvoke)
	invokeType = rules.Documented("Invoke: X-Amz-Invocation-Type",
		"valid values are Event, RequestResponse and DryRun", awsInvoke)
	invokeLogType = rules.Documented("Invoke: X-Amz-Log-Type",
		"valid values are None and Tail", awsInvoke)
	invokeSize = rules.Documented("Invoke: size of a synchronous request",
		"the payload of a synchronous request has 6 MB at most: 413, RequestTooLargeException", awsLimits)
	invokeAsyncSize = rules.Documented("Invoke: size of an asynchronous request",
		"the payload of an asynchronous request has 1 MB at most: 413, RequestTooLargeException", awsLimits)
	invokeJSON = rules.Documented("Invoke: request that is not JSON",
		"the request body could not be parsed as JSON: 400, InvalidRequestContentException", awsInvoke)
	invokeContext = rules.Documented("Invoke: client context",
		"base64-encoded data that Lambda passes to the function as the ClientContext object", awsInvoke)
	invokeContextSize = rules.Documented("Invoke: size of the client context",
		"the base64-encoded data about the client has 3,583 bytes at most", awsInvoke)
	invokeThrottled = rules.Documented("Invoke: throttled",
		"the limit of concurrent invocations, or of their rate, is exceeded: TooManyRequestsException, with the reason", awsThrottled)
	invokeStream = rules.Own("Invoke: streamed response",
		"the functions do not stream, so that is not simulated")
	invokeOperation = rules.Own("Invoke: other operations",
		"Lambda has some hundred; here are those that run a function and show its configuration")
)

// HTTP in front of AWS Lambda.
var (
	httpAPIHead = rules.Documented("HTTP API: size of the head",
		"the request line and the values of the headers have 10,240 bytes together at most", awsHTTPAPI)
	httpAPIBody = rules.Documented("HTTP API: size of the body",
		"a payload has 10 MB at most", awsHTTPAPI)
	httpAPIEvent6MB = rules.Documented("HTTP API: size of the event",
		"what invokes a function synchronously has 6 MB at most, and the event holds more than the body", awsLimits)
	httpAPITimeout = rules.Documented("HTTP API: integration timeout",
		"an integration has 30 s at most", awsHTTPAPI)
	httpAPIReplyForm = rules.Documented("HTTP API: form of the reply",
		"a reply is valid JSON; with statusCode it has the members of payload format 2.0", awsPayload2)

	httpAPIRate = rules.Documented("HTTP API: throttled",
		"above the rate and burst limits of the account or the route clients may get 429 Too Many Requests", awsHTTPRate)
	httpAPIBackend = rules.Documented("HTTP API: function throttled",
		"if the service behind it is throttled, the API may return an internal server error", awsBackend)

	functionURLThrottled = rules.Documented("function URL: throttled",
		"above the reserved concurrency, or ten times as many requests a second, the function URL returns 429", awsURLThrottle)
	functionURLHead = rules.Documented("function URL: size of the head",
		"the request line and the values of the headers have 1 MB together at most", awsLimits)
	functionURLEvent = rules.Documented("function URL: size of the event",
		"with the invoke mode BUFFERED a payload has 6 MB at most", awsURLConfig)
	functionURLMethod = rules.Documented("function URL: method",
		"valid methods are GET, POST, PUT, HEAD, OPTIONS, PATCH and DELETE", awsURLs)
	functionURLReplyForm = rules.Documented("function URL: form of the reply",
		"a reply is valid JSON; with statusCode it has the members of payload format 2.0", awsURLs)

	restHead = rules.Documented("REST API: size of the headers",
		"the values of all headers have 10,240 bytes together at most", awsRESTAPI)
	restBody = rules.Documented("REST API: size of the body",
		"a payload has 10 MB at most; REQUEST_TOO_LARGE is 413", awsRESTAPI)
	restEvent = rules.Documented("REST API: size of the event",
		"a request that the integration finds too large: REQUEST_TOO_LARGE, 413; Lambda takes 6 MB", awsRESTErrors)
	restURL = rules.Documented("REST API: length of the URL",
		"the URL of a regional API has 10,240 characters at most", awsRESTAPI)
	restTimeout = rules.Documented("REST API: integration timeout",
		"50 ms to 29 s for all integrations, Lambda proxy too; INTEGRATION_TIMEOUT is 504", awsRESTAPI)
	restReplyForm = rules.Documented("REST API: form of the reply",
		"the function must return an object with statusCode, headers and a body that is a string; else it is malformed: 502", awsRESTProxy)
	restRate = rules.Documented("REST API: throttled",
		"above the rate and burst limits of the account, stage or method clients may get 429 Too Many Requests", awsRESTRate)
	restBackend = rules.Documented("REST API: function throttled",
		"if the service behind it is throttled, the API may return an internal server error, to be sent again", awsBackend)
)

// Tencent SCF.
var (
	scfName = rules.Documented("SCF: function name",
		"2 to 60 characters: a letter first, then letters, digits, hyphens and underscores, neither of these two last", scfCreate)
	scfTimeoutRule = rules.Documented("SCF: timeout of a function",
		"1 to 900 whole seconds", scfCreate)
	scfMemory = rules.Documented("SCF: memory",
		"64 MB, or 128 to 3,072 MB in steps of 128 MB", scfCreate)
	scfVariable = rules.Documented("SCF: name of a variable",
		"a letter first, then letters, digits and underscores; 2 to 64 characters", scfVariables)
	scfReserved = rules.Documented("SCF: reserved variable",
		"names that begin with SCF_, QCLOUD_ or TENCENTCLOUD_ belong to the platform", tcbVariables)
	scfVariablesSize = rules.Documented("SCF: size of the variables",
		"the variables of a function have 4 KB at most", scfQuotas)
	scfInit = rules.Own("SCF: time of the initialisation",
		"InitTimeout is 65 s by default; a start that takes a Go function more than 10 s is a fault")
	scfTime = rules.Documented("SCF: time of an invocation",
		"the function did not end within its timeout: status 433", scfStatus)
	scfEvent = rules.Documented("SCF: size of an event",
		"a synchronous event has 6 MB at most: status 406", scfStatus)
	scfAnswerSize = rules.Documented("SCF: size of a response",
		"a response has 6 MB at most: status 407", scfStatus)
	scfConcurrency = rules.Documented("SCF: concurrent invocations",
		"more invocations at once than the quota, or the reserved quota: ResourceLimitReached, 432, not repeated by the platform", scfOverrun)
	scfBurst = rules.Documented("SCF: burst of new instances",
		"instances are wanted faster than the account's limit, 500 a minute in a region: ResourceLimit, 429", scfStatus)
	tcbConcurrency = rules.Documented("CloudBase: burst of invocations",
		"a burst of invocations of a function is above the limit: EXCEED_CONCURRENT_REQUEST_LIMIT", tcbConcurrent)
	tcbEvent = rules.Documented("CloudBase: size of an event",
		"a request to a function has 100 KB at most if it is text", tcbPayload)
	tcbTicket = rules.Documented("CloudBase: ticket of an invocation",
		"no Cloud Calls for what the console, the web, another function or a timer calls: they bring no ticket", tcbParam)
	wxHTTPUser = rules.Documented("invokeCloudFunction: user",
		"a function that this API calls gets neither an openid nor anything else of a user", wxInvoke)
	wxHTTPTime = rules.Documented("invokeCloudFunction: time",
		"a function that this API calls has 5 s at most", wxInvoke)
	containerVariable = rules.Documented("Cloud Hosting: headers of a request",
		"the headers X-WX-… that a container gets of the user and of the platform are these", wxContainer)
)

// The URL of a function on SCF.
var (
	scfURLCAM = rules.Documented("SCF function URL: CAM authentication",
		"with CAM authentication a request is signed with TC3-HMAC-SHA256; what is not may not invoke the function", scfURLAuth)
	scfURLEvent = rules.Documented("SCF function URL: size of the event",
		"a synchronous event has 6 MB at most; a file may go through the URL if it is smaller than that in base64", scfQuotas)
	scfURLReplyForm = rules.Documented("SCF function URL: form of the reply",
		"a reply with statusCode has headers, text by name, and a body of text, as with the API gateway; else: 403, Invalid scf response format", scfStatus)
	scfURLNotJSON = rules.Own("SCF function URL: reply that is not JSON",
		"the page describes JSON replies only")
	scfURLBinary = rules.Own("SCF function URL: body that is not text",
		"the event has no isBase64Encoded, and no page says how such a body arrives")
)

// Rules of Tencent Cloud's API 3.0, and of the stand-in's own address for a Mini Program's
// calls.
var (
	scfAPIFunction = rules.Documented("SCF API: unknown function",
		"the function does not exist: ResourceNotFound.Function", scfInvokeDoc)
	scfAPINamespace = rules.Documented("SCF API: unknown namespace",
		"the namespace does not exist: ResourceNotFound.Namespace", scfInvokeDoc)
	scfAPIQualifier = rules.Documented("SCF API: unknown version or alias",
		"the version does not exist: ResourceNotFound.Qualifier", scfInvokeDoc)
	scfAPIType = rules.Documented("SCF API: InvocationType",
		"RequestResponse or Event", scfInvokeDoc)
	scfAPILogType = rules.Documented("SCF API: LogType",
		"valid values are None and Tail", scfInvokeDoc)
	scfAPIJSON = rules.Documented("SCF API: event that is not JSON",
		"the event is not of the JSON type: status 400, InvalidParameterValue", scfStatus)
	scfAPIEvent = rules.Documented("SCF API: size of a synchronous event",
		"a synchronous event has 6 MB at most: status 406", scfStatus)
	scfAPIAsyncEvent = rules.Documented("SCF API: size of an asynchronous event",
		"an asynchronous event has 128 KB at most: status 406", scfStatus)
	scfAPISize = rules.Documented("SCF API: size of a request",
		"a POST that is signed with TC3-HMAC-SHA256 has 10 MB at most: RequestSizeLimitExceeded", tcRequest)
	scfAPIProtocol = rules.Own("SCF API: GET and other forms",
		"the API takes them too, but no SDK sends them by default")
	scfAPIVersionRule = rules.Documented("SCF API: version",
		"an API version that does not exist: NoSuchVersion", tcErrors)
	scfAPIAction = rules.Documented("SCF API: action",
		"an action that does not exist: InvalidAction", tcErrors)
	scfAPIForm = rules.Documented("SCF API: parameters",
		"parameters of a wrong form or type: InvalidParameter", tcErrors)
	scfAPIMissing = rules.Documented("SCF API: missing parameter",
		"a parameter that must be there is missing: MissingParameter", tcErrors)
	scfEnvironment = rules.Own("SCF, our address: X-Scf-Environment",
		"the header is ours, and holds a JSON object of strings")

	tc3Authorization = rules.Documented("TC3: Authorization",
		"an Authorization of a wrong form: AuthFailure.InvalidAuthorization", tcErrors)
	tc3SecretID = rules.Documented("TC3: SecretId",
		"a key that does not exist: AuthFailure.SecretIdNotFound", tcErrors)
	tc3Expired = rules.Documented("TC3: time",
		"X-TC-Timestamp and the server's time differ by five minutes at most: AuthFailure.SignatureExpire", tcErrors)
	tc3Signature = rules.Documented("TC3: signature",
		"the signature covers content-type and host, and is calculated as this page says: AuthFailure.SignatureFailure", tcSignature)
)

func init() {
	rules.LetsPass("AWS: size of memory and disk", "a function can use the memory that it is given, 10,240 MB at most", awsLimits,
		"the stand-ins report the size and do not enforce it; functions/verify has a test of its memory")
	rules.LetsPass("AWS: signatures of requests", "a function URL with AuthType AWS_IAM takes only requests that are signed with SigV4", awsURLs,
		"the stand-ins simulate AuthType NONE, and serve loopback only")
	rules.LetsPass("AWS: rates and concurrency", "an account and a function have limits of concurrent invocations", awsThrottled,
		"nothing is counted: emulator.WithFaults simulates a refusal on request")
	rules.LetsPass("SCF: values of variables", "key and value begin with a letter, and have letters, digits and underscores only, 2 to 64 bytes", scfVariables,
		"read by the letter, no address could be a value; other pages set some, and of values we enforce the total size only")
	rules.LetsPass("SCF: rates and concurrency", "the functions of a region share a quota of concurrent memory", scfQuotas,
		"nothing is counted: emulator.WithFaults simulates a refusal on request")
	rules.LetsPass("SCF: descriptors, processes and /tmp", "1,024 descriptors, 1,024 processes and threads, 512 MB of /tmp", scfQuotas,
		"they are the computer's own here")
	rules.LetsPass("SCF: time of Invoke", "the API Invoke waits for 300 s at most", scfInvokeDoc,
		"no function of ours takes as long")
	rules.LetsPass("SCF API: rate of requests", "Invoke takes 100 requests a second if nobody raises that", scfInvokeDoc,
		"nothing is counted: emulator.WithFaults simulates a refusal on request")
	rules.LetsPass("CloudBase: rate of requests", "requests of an environment have limits by its plan: EXCEED_RATELIMIT, EXCEED_REQUEST_LIMIT",
		"docs.cloudbase.net/error-code/basic/EXCEED_RATELIMIT", "nothing is counted: the sandbox's fault gateway simulates both")
	rules.LetsPass("CloudBase: state of the environment", "an environment that is in arrears, paused or being set up answers INVALID_ENV_STATUS",
		"docs.cloudbase.net/error-code/INVALID_ENV_STATUS", "there is no bill here: the sandbox's fault gateway simulates it")
}
