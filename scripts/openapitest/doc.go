// Package openapitest holds deploy/openapi.yaml against the functions as they are
// deployed: what they take, what they refuse, and what they answer.
package openapitest
