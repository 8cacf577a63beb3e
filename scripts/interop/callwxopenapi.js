const tcb = require('@cloudbase/node-sdk')
const app = tcb.init({ env: tcb.SYMBOL_CURRENT_ENV })
exports.main = async (event, context) => {
  try {
    const answer = await app.callWxOpenApi({
      apiName: 'soter.verifySignature',
      requestData: { openid: '$openid', json_string: '$resultJSON', json_signature: '$resultJSONSignature' }
    })
    return answer.result || answer // a refusal has no result
  } catch (err) {
    return err
  }
}
