// Runs the cases on standard input through utils/soter.js, one after the other, and
// prints what each came to.
const standIn = require('./wx')
const soter = require('../../examples/miniprogram/utils/soter')
const session = require('../../examples/miniprogram/utils/session')

async function run(urls, { transport, phone, options, fault, twice }) {
  const calls = []
  const orders = []
  global.wx = standIn(urls, phone, calls, orders)
  // An app opens its session once and keeps it; here each case is an app.
  const open = session.open(urls.backend)
  const transports = {
    callFunction: () => soter.cloudFunctions(),
    pay: () => soter.cloudFunctions({ pay: 'pay' }),
    callContainer: () => soter.cloudHosting({ env: 'prod-1', service: 'service' }),
    request: () => soter.backend({
      url: urls.backend,
      session: async (renew) => (renew || !phone.forgotten ? open(renew) : 'a session that the backend has forgotten'),
    }),
  }
  const control = (method, body) => fetch(urls.sandbox + '/sandbox/faults', { method, body: body && JSON.stringify(body) })
  const way = transports[transport]()
  // Where there are orders, each authentication is for one of its own.
  const authenticate = async () => {
    let data = {}
    if (way.order && transport !== 'callContainer') data = { order: (await way.order({ item: 'longjing', quantity: 1 })).order.id }
    calls.length = 0
    return soter.authenticate({ transport: way, data, ...options })
  }
  if (twice) await authenticate()
  if (fault) await control('POST', fault)
  try {
    const outcome = await authenticate()
    return { outcome, calls, payments: orders.filter(({ state }) => state === 'paid').map(({ owner }) => owner) }
  } catch (err) {
    return { outcome: { result: 'rejects', detail: err.message }, calls }
  } finally {
    if (fault) await control('DELETE')
  }
}

async function main() {
  const chunks = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  const { urls, cases } = JSON.parse(Buffer.concat(chunks))
  const results = []
  for (const one of cases) results.push(await run(urls, one))
  process.stdout.write(JSON.stringify(results))
}

main()
