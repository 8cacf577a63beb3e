// Package interop holds no Go code but tests: they run the clients of Cloud
// Calls, the official wx-server-sdk and the libraries below it, in many versions
// and unmodified, against this project.
//
// sdk.js names the examples and loads them, run.js asks them questions, record.js
// records what the SDK sends. The tests need Node and install the clients
// themselves, into node_modules.
package interop
