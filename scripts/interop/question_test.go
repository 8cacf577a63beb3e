package interop

// question is what the example is asked. A parameter that is nil is undefined.
type question struct {
	OpenID        *string `json:"openid,omitzero"`
	JSONString    *string `json:"jsonString,omitzero"`
	JSONSignature *string `json:"jsonSignature,omitzero"`
}
