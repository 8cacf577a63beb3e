// A backend of your own, as small as it can be: it knows the user by its own session,
// asks the functions with a bearer token that no page ever sees, and does what is
// protected in the very request that has verified. Node.js 18 or later, no packages.
//
//   POST /login           {"code"} of wx.login        {"session"}
//   POST /soter/challenge {}                          the answer of openapi.soter.issueChallenge
//   POST /pay             {"order","jsonString","jsonSignature"}   the answer of verifySignature
//   GET  /orders/ID                                   {"paid":true}
//
// All but /login want the header X-Session.
//
//   SOTER_URL            base URL of the functions' HTTP doors
//   SOTER_CHALLENGE_URL  the same of the challenge function, if it has its own
//   SOTER_BEARER_TOKEN   one of their HTTP_BEARER_TOKENS
//   WECHAT_APPID, WECHAT_APPSECRET, WECHAT_API_BASE   for wx.login
//   SANDBOX_OPENID       every login is this user; only with functions on loopback
//   PORT                 3000
const http = require('node:http')
const { randomBytes } = require('node:crypto')

const {
  SOTER_URL = '', SOTER_CHALLENGE_URL = SOTER_URL, SOTER_BEARER_TOKEN = '', SANDBOX_OPENID = '',
  WECHAT_APPID = '', WECHAT_APPSECRET = '', WECHAT_API_BASE = 'https://api.weixin.qq.com', PORT = '3000',
} = process.env

const loopback = (url) => ['127.0.0.1', 'localhost'].includes(new URL(url).hostname)
if (!SOTER_URL) fail('SOTER_URL is missing')
if (SANDBOX_OPENID && !(loopback(SOTER_URL) && loopback(SOTER_CHALLENGE_URL))) fail('SANDBOX_OPENID is for functions on loopback')

const SESSION_LIFE = 2 * 60 * 60 * 1000
const sessions = new Map() // session: { openid, expires }; a store that all instances share, in yours
const paid = new Set() // openid and order; your database

const routes = {
  'POST /login': async ({ body }) => {
    const openid = SANDBOX_OPENID || await openidOf(String(body.code))
    const session = randomBytes(32).toString('base64url')
    const now = Date.now()
    for (const [id, s] of sessions) if (s.expires < now) sessions.delete(id)
    sessions.set(session, { openid, expires: now + SESSION_LIFE })
    return { session }
  },
  'POST /soter/challenge': async ({ openid }) => ask(SOTER_CHALLENGE_URL + '/openapi/soter/issueChallenge', { openid }),
  'POST /pay': async ({ openid, body }) => {
    // The user is the session's, whatever the body says.
    const { order, jsonString, jsonSignature } = body
    const answer = await ask(SOTER_URL + '/openapi/soter/verifySignature', { openid, jsonString, jsonSignature })
    if (answer.isOk === true) paid.add(openid + ' ' + order)
    return answer
  },
  'GET /orders': async ({ openid, order }) => ({ paid: paid.has(openid + ' ' + order) }),
}

// ask puts a question to a function, once. What is no answer of a function becomes one
// that says so; it is never isOk.
async function ask(url, question) {
  try {
    const response = await fetch(url, {
      method: 'POST', redirect: 'error', signal: AbortSignal.timeout(10_000), body: JSON.stringify(question),
      headers: { 'Content-Type': 'application/json', Authorization: 'Bearer ' + SOTER_BEARER_TOKEN },
    })
    const answer = await response.json()
    if (Number.isInteger(answer.errCode)) return answer
  } catch (err) {
    console.error('asking the function:', err.message)
  }
  return { isOk: false, errCode: -604103, errMsg: 'the function gave no answer' }
}

// openidOf asks WeChat (auth.code2Session) whose code it is. Its session_key stays here.
// What fetch says of a failure may quote the URL, and with it the AppSecret: it is not
// passed on.
async function openidOf(code) {
  const query = new URLSearchParams({ appid: WECHAT_APPID, secret: WECHAT_APPSECRET, js_code: code, grant_type: 'authorization_code' })
  const { openid, errcode } = await fetch(WECHAT_API_BASE + '/sns/jscode2session?' + query, {
    redirect: 'error', signal: AbortSignal.timeout(10_000),
  }).then((response) => response.json()).catch(() => { throw new Error('WeChat could not be asked whose code it is') })
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
  if (request.method === 'GET') return {}
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
  const [, name, order] = /^(\/orders)\/(.+)$/.exec(path) || [null, path]
  const route = Object.hasOwn(routes, request.method + ' ' + name) && routes[request.method + ' ' + name]
  if (!route) throw new Refusal(404, 'there is no such path')
  const session = sessions.get(request.headers['x-session'])
  if (name !== '/login' && !(session && session.expires > Date.now())) throw new Refusal(401, 'log in first')
  return route({ openid: session && session.openid, body: await read(request), order })
}

const server = http.createServer(async (request, response) => {
  const [status, body] = await answer(request).then((a) => [200, a], (err) => {
    if (!(err instanceof Refusal)) console.error(err.message)
    const [status, message] = err instanceof Refusal ? [err.status, err.message] : [500, 'internal error']
    return [status, { isOk: false, errCode: -status, errMsg: message }]
  })
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }).end(JSON.stringify(body))
})
server.listen(Number(PORT), '127.0.0.1', () => console.log('http://127.0.0.1:' + server.address().port))

function fail(message) {
  console.error(message)
  process.exit(1)
}
