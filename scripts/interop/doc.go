// Package interop holds no Go code but tests: they run the official
// wx-server-sdk, in three versions and unmodified, against this project.
//
// example.js is the example of WeChat's documentation of soter.verifySignature.
// sdk.js loads it, run.js asks it questions, record.js records what the SDK
// sends. The tests need Node and install the SDKs themselves, into
// node_modules.
package interop
