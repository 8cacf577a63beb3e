// Verifies a signature: exit status 0 genuine, 1 wrong, 2 no result.
// Node.js 18 or later.
//
//   SOTER_URL=https://… SOTER_BEARER_TOKEN=… node verify.mjs question.json
//
// question.json: {"openid":"…","purpose":"…","jsonString":"…","jsonSignature":"…"}
// purpose: the one that your backend had the challenge issued for.
// Never take it from a page. A login has none.
import { readFile } from 'node:fs/promises'

const { SOTER_URL, SOTER_BEARER_TOKEN } = process.env

// verify throws if there is no result; that does not mean that the signature is wrong.
// jsonString is resultJSON as the phone gave it: text, not parsed.
async function verify({ openid, purpose, jsonString, jsonSignature }) {
  const response = await fetch(SOTER_URL + '/openapi/soter/verifySignature', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: 'Bearer ' + SOTER_BEARER_TOKEN },
    body: JSON.stringify({ openid, purpose, jsonString, jsonSignature }),
    redirect: 'error',
    signal: AbortSignal.timeout(15_000),
  })
  const answer = await response.json()
  if (response.status !== 200 || answer.errCode !== 0 || typeof answer.isOk !== 'boolean') {
    throw new Error(`status ${response.status}: ${answer.errMsg}`)
  }
  return answer.isOk
}

try {
  const genuine = await verify(JSON.parse(await readFile(process.argv[2], 'utf8')))
  console.log(genuine ? 'genuine' : 'refused')
  process.exitCode = genuine ? 0 : 1
} catch (err) {
  console.error('no verdict:', err.message)
  process.exitCode = 2
}
