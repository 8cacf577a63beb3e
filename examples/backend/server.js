// A minimal backend. It knows the user from its own session, and calls the functions with
// a bearer token that no page ever sees. It pays in the same request that has verified.
// Node.js 18 or later, no packages.
//
//   POST /login           {"code"} of wx.login             {"session"}
//   POST /order           {"item","quantity"}              a new order; the price is ours
//                         {"order"}                        an order, and what will be signed
//                         {"order","quantity"}             the same, changed while it is open
//   POST /soter/challenge {"order"}                        the response of issueChallenge, and "purpose"
//   POST /pay             {"order","jsonString","jsonSignature"}   the response of verifySignature
//
// All but /login need the header X-Session. Set CHALLENGE_SECRET at the functions: without
// it they refuse the purpose, and no payment is possible.
//
//   SOTER_URL            base URL of the functions' HTTP endpoints
//   SOTER_CHALLENGE_URL  the same of the challenge function, if it has its own
//   SOTER_BEARER_TOKEN   one of their HTTP_BEARER_TOKENS
//   WECHAT_APPID, WECHAT_APPSECRET, WECHAT_API_BASE   for wx.login
//   SANDBOX_OPENID       every login is this user; on a laptop only, see sandbox.js
//   CLOUD_HOSTING        "yes" in WeChat Cloud Hosting: the user is the one in X-WX-OPENID,
//                        without /login and X-Session. Switch public access off:
//                        otherwise anybody can send that header
//   PORT                 3000
const http = require('node:http')
const { randomBytes } = require('node:crypto')
const orders = require('./orders')
const sandbox = require('./sandbox')

const {
  SOTER_URL = '', SOTER_CHALLENGE_URL = SOTER_URL, SOTER_BEARER_TOKEN = '', SANDBOX_OPENID = '',
  CLOUD_HOSTING = '', WECHAT_APPID = '', WECHAT_APPSECRET = '', WECHAT_API_BASE = 'https://api.weixin.qq.com', PORT = '3000',
} = process.env

if (!SOTER_URL) fail('SOTER_URL is missing')
const hosted = CLOUD_HOSTING === 'yes'
if (SANDBOX_OPENID) {
  const problem = sandbox.problem([SOTER_URL, SOTER_CHALLENGE_URL], WECHAT_APPSECRET)
  if (problem) fail(problem)
}

const SESSION_LIFE = 2 * 60 * 60 * 1000
const sessions = new Map() // session: { openid, expires }; a store that all instances share, in yours

const routes = {
  'POST /login': async ({ body, request }) => {
    if (SANDBOX_OPENID && !sandbox.isOwn(request)) throw new Refusal(403, 'SANDBOX_OPENID is for this computer')
    const openid = SANDBOX_OPENID || await openidOf(String(body.code))
    const session = randomBytes(32).toString('base64url')
    const now = Date.now()
    for (const [id, s] of sessions) if (s.expires < now) sessions.delete(id)
    sessions.set(session, { openid, expires: now + SESSION_LIFE })
    return { session }
  },
  'POST /order': async ({ openid, body }) => {
    if (body.order === undefined) {
      const order = orders.create(openid, body.item, body.quantity)
      if (!order) throw new Refusal(400, 'there is no such item, or not so many')
      return answerWith(order)
    }
    if (body.quantity !== undefined && !orders.change(openid, body.order, body.quantity)) {
      throw new Refusal(409, 'the order cannot be changed')
    }
    return answerWith(orderOf(openid, body))
  },
  'POST /soter/challenge': async ({ openid, body }) => {
    const order = orderOf(openid, body)
    if (order.state !== 'open') throw new Refusal(409, 'the order is paid')
    const purpose = orders.purposeOf(order)
    const answer = await ask(SOTER_CHALLENGE_URL + '/openapi/soter/issueChallenge', { openid, purpose })
    return { ...answer, purpose }
  },
  // Submissions of an order run one after the other: if a page sends twice, the second finds
  // the first one's result. Only the conditional write prevents a second payment.
  'POST /pay': ({ openid, body }) => inTurn(orderOf(openid, body).id, () => pay(openid, body)),
}

async function pay(openid, body) {
  const order = orderOf(openid, body)
  if (order.state === 'paid') return order.result
  // User, order, amount and purpose are ours. From the page come only the phone's results.
  const { jsonString, jsonSignature } = body
  const purpose = orders.purposeOf(order)
  const question = { openid, purpose, jsonString, jsonSignature }
  const answer = await ask(SOTER_URL + '/openapi/soter/verifySignature', question)
  const evidence = { purpose, jsonString, jsonSignature, verdict: answer, at: new Date() }
  if (answer.isOk === true && orders.pay(order, answer, evidence)) return answer
  // Where several processes share the store, another one may have paid meanwhile.
  const now = orderOf(openid, body)
  if (now.state === 'paid') return now.result
  if (answer.isOk === true) throw new Refusal(409, 'the order was changed after it was signed')
  return answer
}

// orderOf finds an order of this user. Another user's is answered like one that is not.
function orderOf(openid, body) {
  const order = orders.find(openid, body.order)
  if (!order) throw new Refusal(404, 'there is no such order')
  return order
}

const answerWith = (order) => ({ order: orders.shown(order), errCode: 0, errMsg: 'ok' })

const turns = new Map()

// inTurn runs the functions of one key one after the other.
function inTurn(key, run) {
  const turn = (turns.get(key) || Promise.resolve()).then(run, run)
  turns.set(key, turn)
  const leave = () => { if (turns.get(key) === turn) turns.delete(key) }
  turn.then(leave, leave)
  return turn
}

// ask calls a function once. If there is no valid response, it returns an error code; isOk
// is then false.
async function ask(url, question) {
  try {
    const response = await fetch(url, {
      method: 'POST', redirect: 'error', signal: AbortSignal.timeout(10_000), body: JSON.stringify(question),
      headers: { 'Content-Type': 'application/json', Authorization: 'Bearer ' + SOTER_BEARER_TOKEN },
    })
    const answer = await response.json()
    // isOk without a code of 0 is no verdict.
    if (Number.isInteger(answer.errCode)) return answer.errCode === 0 ? answer : { ...answer, isOk: false }
  } catch (err) {
    console.error('asking the function:', err.message)
  }
  return { isOk: false, errCode: -604103, errMsg: 'the function gave no answer' }
}

// openidOf returns the openid for a code of wx.login (auth.code2Session). The session_key is
// not returned. fetch's own error may quote the URL with the AppSecret, so it is replaced.
async function openidOf(code) {
  const query = new URLSearchParams({ appid: WECHAT_APPID, secret: WECHAT_APPSECRET, js_code: code, grant_type: 'authorization_code' })
  const { openid, errcode } = await fetch(WECHAT_API_BASE + '/sns/jscode2session?' + query, {
    redirect: 'error', signal: AbortSignal.timeout(10_000),
  }).then((response) => response.json()).catch(() => { throw new Error('the request to WeChat failed whose code it is') })
  if (!openid) throw new Refusal(401, 'WeChat does not know this code: errcode ' + errcode)
  return openid
}

class Refusal extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

async function read(request) {
  const chunks = []
  let size = 0
  for await (const chunk of request) {
    if ((size += chunk.length) > 64 * 1024) throw new Refusal(413, 'the body is too long')
    chunks.push(chunk)
  }
  try {
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}')
    if (body && typeof body === 'object') return body
  } catch {} // the same mistake
  throw new Refusal(400, 'expected a JSON object')
}

async function answer(request) {
  const path = new URL(request.url, 'http://backend').pathname
  const name = request.method + ' ' + path
  if (!Object.hasOwn(routes, name)) throw new Refusal(404, 'there is no such path')
  const openid = hosted ? hostedUser(request) : sessionUser(request)
  if (!openid && (hosted || path !== '/login')) throw new Refusal(401, 'log in first')
  return routes[name]({ openid, body: await read(request), request })
}

function sessionUser(request) {
  const session = sessions.get(request.headers['x-session'])
  return session && session.expires > Date.now() ? session.openid : undefined
}

// hostedUser returns the user in the gateway's header. X-WX-FROM-OPENID is set for users
// of another app that shares the environment: they have no openid of this app.
function hostedUser({ headers }) {
  return headers['x-wx-from-openid'] === undefined ? headers['x-wx-openid'] : undefined
}

const server = http.createServer(async (request, response) => {
  const [status, body] = await answer(request).then((a) => [200, a], (err) => {
    if (!(err instanceof Refusal)) console.error(err.message)
    const [status, message] = err instanceof Refusal ? [err.status, err.message] : [500, 'internal error']
    return [status, { isOk: false, errCode: -status, errMsg: message }]
  })
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }).end(JSON.stringify(body))
})
server.listen(Number(PORT), hosted ? '0.0.0.0' : '127.0.0.1', () => console.log('http://127.0.0.1:' + server.address().port))

function fail(message) {
  console.error(message)
  process.exit(1)
}
