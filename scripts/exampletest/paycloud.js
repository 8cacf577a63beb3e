// Serves cloudfunctions/pay over HTTP with the routes of examples/backend, so that both are
// tested alike. A session is the user whom the platform names. A quantity for an order
// that is there stands for whatever else writes orders.
const http = require('node:http')
const cloud = require('./cloud')

const steps = { '/order': 'order', '/soter/challenge': 'challenge', '/pay': 'pay' }
const urls = { appid: process.env.APPID, functions: process.env.FUNCTIONS }
const documents = []

async function answer(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const body = JSON.parse(Buffer.concat(chunks))
  const openid = request.headers['x-session']
  if (request.url === '/login') return { session: body.code.replace('code-of-', '') }
  const order = documents.find((one) => one._id === body.order && one.owner === openid)
  if (request.url === '/order' && body.quantity !== undefined && order) {
    if (order.state === 'open') Object.assign(order, { amount: (order.amount / order.quantity) * body.quantity, quantity: body.quantity })
    body.quantity = undefined
  }
  return cloud(urls, openid, documents).main({ ...body, step: steps[request.url] })
}

const server = http.createServer(async (request, response) => {
  const body = await answer(request)
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
})
server.listen(0, '127.0.0.1', () => console.log('http://127.0.0.1:' + server.address().port))
