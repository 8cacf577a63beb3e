'use strict'
// Runs an example on one of the installed clients:
//
//   example.js         that of WeChat's documentation of soter.verifySignature, until 2024
//   example-today.js   the same page as it stands today
//   callopenapi.js     the same call through the older cloud.callOpenAPI
//   callwxopenapi.js   the same through callWxOpenApi of @cloudbase/node-sdk and tcb-admin-node

const dns = require('dns')
const fs = require('fs')
const net = require('net')
const path = require('path')

// Outside the cloud the SDK looks for Tencent's metadata service first, and goes
// on when there is none. Nothing here may leave this machine, so there is none.
const lookup = dns.lookup
dns.lookup = (host, options, callback) => {
  if (host === 'localhost' || net.isIP(host)) return lookup(host, options, callback)
  const done = callback || options
  process.nextTick(done, Object.assign(new Error('not on this machine'), { code: 'ENOTFOUND' }))
}

const clients = new Set(['wx-server-sdk', '@cloudbase/node-sdk'])
const placeholders = {
  openid: "'$openid'",
  jsonString: "'$resultJSON'",
  jsonSignature: "'$resultJSONSignature'"
}

// load evaluates an example with its placeholders filled in; what the question
// lacks is undefined.
function load(sdk, example, question) {
  let text = fs.readFileSync(path.join(__dirname, example), 'utf8')
  for (const [name, placeholder] of Object.entries(placeholders)) {
    text = text.split(placeholder).join(String(JSON.stringify(question[name])))
  }
  const exported = {}
  new Function('require', 'exports', text)(name => require(clients.has(name) ? sdk : name), exported)
  return exported.main
}

async function readStdin() {
  const chunks = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString())
}

module.exports = { load, readStdin }
