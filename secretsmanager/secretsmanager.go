// Package secretsmanager reads secrets from AWS Secrets Manager in place of environment
// variables.
package secretsmanager

import (
	"sotercall"
	"sotercall/internal/secrets"
	"sotercall/internal/wiring"
)

// FromEnv is an option of [sotercall.FromEnv]: variables such as WECHAT_APPSECRET_ARN name
// secrets in AWS Secrets Manager. They are read anew every 5 minutes, so that a rotated
// secret is used without a restart. docs/configuration.md has all of them.
func FromEnv(env *sotercall.Env) { wiring.Public.SetVault(env, secrets.Open) }
