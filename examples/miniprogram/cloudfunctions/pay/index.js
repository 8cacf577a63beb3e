// The function that pays. The order, its owner and its amount are in the database, and the
// platform names the user. The page sends only an order's id and what the phone has signed:
// anything else in its request may be forged.
//
//   { step: 'order', item, quantity }   a new order; the price is ours
//   { step: 'order', order }            an order, and what will be signed
//   { step: 'challenge', order }        the response of issueChallenge, and "purpose"
//   { step: 'pay', order, jsonString, jsonSignature }   the response of verifySignature
//
// The collection "orders" must be closed to pages: in the console, "no access for users"
// (a page that may write an order sets its price). challenge and verify need
// CHALLENGE_SECRET; without it they refuse the purpose. verify must call WeChat by
// HTTPS: a function that is called from here can make no Cloud Call.
//
// If the environment has no Go runtime, the functions run elsewhere, and this one calls them
// by HTTPS. That needs Node.js 18 or later, and two environment variables:
//
//   SOTER_URL            base URL of the functions' HTTP entry points
//   SOTER_BEARER_TOKEN   one of their HTTP_BEARER_TOKENS
const cloud = require('wx-server-sdk')

cloud.init({ env: cloud.DYNAMIC_CURRENT_ENV })

const { SOTER_URL = '', SOTER_BEARER_TOKEN = '' } = process.env
const PATHS = { challenge: '/openapi/soter/issueChallenge', verify: '/openapi/soter/verifySignature' }

// The catalogue, with prices in fen. A page names an item and never a price.
const CATALOGUE = {
  longjing: { name: 'Longjing 50 g', price: 4200 },
  set: { name: 'Tea set', price: 42000 },
}
const MAX_QUANTITY = 99

const possible = (item, quantity) => Object.hasOwn(CATALOGUE, String(item)) &&
  Number.isInteger(quantity) && quantity >= 1 && quantity <= MAX_QUANTITY

const money = (amount) => (amount / 100).toFixed(2) + ' CNY'

// purposeOf returns what the user authorizes: all that the payment depends on. verify
// compares it byte for byte, so one function builds it for both calls.
const purposeOf = ({ _id, name, quantity, amount }) =>
  `pay order ${_id}, ${money(amount)}, for ${quantity} x ${name}, to Tea House`

const shown = (order) => {
  const { _id, name, quantity, amount, state } = order
  return { id: _id, name, quantity, price: money(amount), state, purpose: purposeOf(order) }
}

const orders = () => cloud.database().collection('orders')
const failed = (errCode, errMsg) => ({ isOk: false, errCode, errMsg })

// call returns the response of challenge or verify. Without one, it is never isOk.
async function call(name, data) {
  if (!SOTER_URL) return (await cloud.callFunction({ name, data })).result
  try {
    const response = await fetch(SOTER_URL + PATHS[name], {
      method: 'POST', redirect: 'error', signal: AbortSignal.timeout(10_000), body: JSON.stringify(data),
      headers: { 'Content-Type': 'application/json', Authorization: 'Bearer ' + SOTER_BEARER_TOKEN },
    })
    const answer = await response.json()
    if (Number.isInteger(answer.errCode)) return answer
  } catch (err) {
    console.error('calling', name, 'failed:', err.message)
  }
  return failed(-604103, 'the function gave no answer')
}

async function find(owner, id) {
  if (typeof id !== 'string' || id === '') return undefined // {} would be a query of its own
  const { data } = await orders().where({ _id: id, owner }).get()
  return data[0]
}

const steps = {
  async order(owner, { order: id, item, quantity }) {
    if (id === undefined) {
      if (!possible(item, quantity)) return failed(-400, 'there is no such item, or not so many')
      const { name, price } = CATALOGUE[item]
      const data = { owner, item, name, quantity, amount: price * quantity, state: 'open' }
      id = (await orders().add({ data }))._id
    }
    const order = await find(owner, id)
    if (!order) return failed(-404, 'there is no such order')
    return { order: shown(order), errCode: 0, errMsg: 'ok' }
  },

  async challenge(owner, { order: id }) {
    const order = await find(owner, id)
    if (!order) return failed(-404, 'there is no such order')
    if (order.state !== 'open') return failed(-409, 'the order is paid')
    const purpose = purposeOf(order)
    return { ...await call('challenge', { openid: owner, purpose }), purpose }
  },

  async pay(owner, { order: id, jsonString, jsonSignature }) {
    const order = await find(owner, id)
    if (!order) return failed(-404, 'there is no such order')
    if (order.state === 'paid') return order.result
    const purpose = purposeOf(order)
    const answer = await call('verify', { openid: owner, purpose, jsonString, jsonSignature })
    if (answer.isOk === true && answer.errCode === 0) {
      // This one write is the payment. It happens only if the order is still as it was
      // verified: for one caller, whoever else tries at the same time.
      const { _id, name, quantity, amount } = order
      const evidence = { purpose, jsonString, jsonSignature, verdict: answer, at: new Date() }
      const { stats } = await orders()
        .where({ _id, owner, state: 'open', name, quantity, amount })
        .update({ data: { state: 'paid', result: answer, evidence } })
      if (stats.updated === 1) return answer
      const now = await find(owner, id)
      if (now && now.state === 'paid') return now.result
      return failed(-409, 'the order was changed after it was signed')
    }
    return await firstResult(owner, id, answer)
  },
}

// firstResult returns the result of a submission that is not genuine. If the page has sent
// the same one twice, the first has used the challenge and may be about to write: then the
// first one's result is returned.
async function firstResult(owner, id, answer) {
  for (let looks = 0; looks < 3; looks++) {
    const now = await find(owner, id)
    if (now && now.state === 'paid') return now.result
    await new Promise((done) => setTimeout(done, 200))
  }
  return { ...answer, isOk: false }
}

exports.main = async (event) => {
  const { OPENID } = cloud.getWXContext()
  // A timer or another function calls for no user.
  if (!OPENID) return failed(-401, 'there is no user')
  const step = event && Object.hasOwn(steps, String(event.step)) && steps[event.step]
  return step ? step(OPENID, event) : failed(-400, 'there is no such step')
}
