// Package interop holds no Go code but tests. They run the clients of Cloud Calls,
// unmodified, against this project: the official wx-server-sdk and the libraries below it,
// in many versions.
//
// sdk.js lists the examples and loads them, run.js makes calls with them, record.js records
// the SDK's requests. The tests need Node and install the clients themselves, into
// node_modules.
package interop
