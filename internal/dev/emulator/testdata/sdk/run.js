'use strict'
// Makes the calls that it finds on standard input, {sdk, endpoint, id, key, calls: [{action, input}]}, with a cloud's own
// SDK, and prints what came of each: {answer} or {error: {name, message, status}}. Bytes are base64 both ways.

const sdks = {
  lambda ({ endpoint, id, key }) {
    const aws = require('@aws-sdk/client-lambda')
    const client = new aws.LambdaClient({
      endpoint, region: 'us-east-1', maxAttempts: 1, credentials: { accessKeyId: id, secretAccessKey: key }
    })
    return async (action, input) => {
      if (input.Payload !== undefined) input.Payload = Buffer.from(input.Payload, 'base64')
      const answer = await client.send(new aws[action + 'Command'](input))
      if (answer.Payload) answer.Payload = Buffer.from(answer.Payload).toString('base64')
      return answer
    }
  },
  scf ({ endpoint, id, key }) {
    const { scf } = require('tencentcloud-sdk-nodejs-scf')
    const { protocol, host } = new URL(endpoint)
    const client = new scf.v20180416.Client({
      credential: { secretId: id, secretKey: key },
      region: 'ap-guangzhou',
      profile: { httpProfile: { protocol: protocol + '//', endpoint: host } }
    })
    return (action, input) => client.request(action, input)
  }
}

async function main () {
  const chunks = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  const request = JSON.parse(Buffer.concat(chunks))
  const call = sdks[request.sdk](request)
  const outcomes = []
  for (const { action, input } of request.calls) {
    try {
      outcomes.push({ answer: await call(action, input) })
    } catch (e) {
      outcomes.push({ error: { name: e.code || e.name, message: e.message, status: e.$metadata && e.$metadata.httpStatusCode } })
    }
  }
  process.stdout.write(JSON.stringify(outcomes))
}

main()
