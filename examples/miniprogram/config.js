// What you change: where your functions are, and which of the three ways leads there.

const soter = require('./utils/soter')
const session = require('./utils/session')

const backendURL = 'http://127.0.0.1:3000'

module.exports = {
  /** @type {import('./utils/soter').Transport} */
  transport: soter.backend({ url: backendURL, session: session.open(backendURL) }),

  // Only in the developer tools. The backend must then ask the sandbox too.
  sandbox: { url: 'http://127.0.0.1:9000', openid: 'oLocal-User_0000000000000001' },
}
