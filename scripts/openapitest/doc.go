// Package openapitest compares deploy/openapi.yaml with the deployed functions: requests,
// refusals and responses.
package openapitest
