'use strict'
// Runs example.js, the example of WeChat's documentation of
// soter.verifySignature, on one of the installed versions of wx-server-sdk.

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

const example = fs.readFileSync(path.join(__dirname, 'example.js'), 'utf8')
const placeholders = {
  openid: "'$openid'",
  jsonString: "'$resultJSON'",
  jsonSignature: "'$resultJSONSignature'"
}

// load evaluates the example with its placeholders filled in; what the question
// lacks is undefined.
function load(sdk, question) {
  let text = example
  for (const [name, placeholder] of Object.entries(placeholders)) {
    text = text.split(placeholder).join(String(JSON.stringify(question[name])))
  }
  const exported = {}
  new Function('require', 'exports', text)(name => require(name === 'wx-server-sdk' ? sdk : name), exported)
  return exported.main
}

async function readStdin() {
  const chunks = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString())
}

module.exports = { load, readStdin }
