// The documented function's start in Node.js: it loads wx-server-sdk, from the
// folder that WX_SERVER_SDK names, and is ready for its first invocation. On
// Lambda it asks the Runtime API for it, elsewhere it accepts a connection.
const cloud = require(process.env.WX_SERVER_SDK)
cloud.init()

const api = process.env.AWS_LAMBDA_RUNTIME_API
if (api) {
  require('http').get(`http://${api}/2018-06-01/runtime/invocation/next`, () => {})
} else {
  require('net').createServer().listen(process.env._LAMBDA_SERVER_PORT, '127.0.0.1')
}
