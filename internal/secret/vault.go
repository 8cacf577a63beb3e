package secret

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Variables are the environment variables of all functions that hold secrets.
var Variables = []string{"WECHAT_APPSECRET", AppsVariable, "CHALLENGE_SECRET", "REDIS_URL", "TOKEN_CLIENT_SECRETS", "HTTP_BEARER_TOKENS"}

// AppsVariable is the one of Variables whose text is a JSON object: the document of the
// apps.
const AppsVariable = "WECHAT_APPS"

// Suffix stands behind the name of a variable in the one that says where its secret is
// kept in a Vault.
const Suffix = "_ARN"

// Vault reads secrets that are kept elsewhere than in a variable, and reads them anew
// after some time. It may be used concurrently.
type Vault interface {
	// Values returns the secrets by the variables that they go into, and their version,
	// which grows by one when any of them has changed. The map must not be changed. With
	// an error, which holds no secret, the values are those from before; nil if there are
	// none.
	Values(ctx context.Context) (values map[string]string, version int, err error)
	// Prepare reads the secrets before a call needs them; calls of Values wait for it.
	Prepare(ctx context.Context) error
}

// OpenVault makes the Vault of an environment; nil if no variable of it names one. now is
// the clock. Nothing is read yet. The error names each variable that cannot be used, and
// holds no value.
type OpenVault func(environment map[string]string, now func() time.Time) (Vault, error)

// Kept returns the variables of an environment that name a Vault, in the order of Variables.
func Kept(environment map[string]string) (names []string) {
	for _, name := range Variables {
		if strings.TrimRight(environment[name+Suffix], "\r\n") != "" {
			names = append(names, name+Suffix)
		}
	}
	return names
}

// NoVault is the OpenVault of a program without a Vault: it refuses each variable that
// names one.
func NoVault(environment map[string]string, _ func() time.Time) (Vault, error) {
	var problems []string
	for _, name := range Kept(environment) {
		problems = append(problems, name+" cannot be used: this program is built without AWS Secrets Manager")
	}
	if len(problems) > 0 {
		return nil, errors.New(strings.Join(problems, "; "))
	}
	return nil, nil
}
