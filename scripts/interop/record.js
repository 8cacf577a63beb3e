'use strict'
// Records the request that wx-server-sdk 4.0.2 sends for one question, at a
// server of its own on loopback. Run it with --require ./frozen.js.
//
//   in   {"environment": {…}, "question": {…}}
//   out  {"method", "target", "header": {…}, "body": "<base64>"}

const http = require('http')
const net = require('net')
const { load, readStdin } = require('./sdk')

console.log = console.warn = console.error = () => {}

const connectionOnly = new Set(['connection', 'transfer-encoding', 'content-length'])

async function main() {
  const { environment, question } = await readStdin()
  let recorded
  const server = http.createServer((req, res) => {
    const chunks = []
    req.on('data', chunk => chunks.push(chunk))
    req.on('end', () => {
      const header = {}
      for (const name of Object.keys(req.headers).sort()) {
        if (!connectionOnly.has(name)) header[name] = req.headers[name]
      }
      recorded = { method: req.method, target: req.url, header, body: Buffer.concat(chunks).toString('base64') }
      res.end()
    })
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  // The address is part of what is signed: the recording has the one of the
  // environment, and the connection goes to the server.
  http.globalAgent.createConnection = () => net.connect(server.address().port, '127.0.0.1')
  Object.assign(process.env, environment)
  await load('wx-server-sdk-4.0.2', 'example.js', question)({}, {})
  process.stdout.write(JSON.stringify(recorded))
}

main().then(() => process.exit(0), err => {
  process.stderr.write(`${err.stack}\n`)
  process.exit(1)
})
