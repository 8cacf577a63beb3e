// Change this: where your functions are, and which of the three transports leads there.

const soter = require('./utils/soter')
const session = require('./utils/session')

const backendURL = 'http://127.0.0.1:3000'

module.exports = {
  /** @type {import('./utils/soter').Transport} */
  transport: soter.backend({ url: backendURL, session: session.open(backendURL) }),

  // The order that the page makes when it is opened without an id. In your app the user
  // makes it; the price comes from the server in any case.
  example: { item: 'longjing', quantity: 1 },

  // Only in the developer tools. The backend must then use the sandbox too.
  sandbox: { url: 'http://127.0.0.1:9000', openid: 'oLocal-User_0000000000000001' },
}
