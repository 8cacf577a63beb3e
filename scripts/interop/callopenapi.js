const cloud = require('wx-server-sdk')
cloud.init({ env: cloud.DYNAMIC_CURRENT_ENV })
exports.main = async (event, context) => {
  try {
    return await cloud.callOpenAPI({
      api: 'soter.verifySignature',
      data: { openid: '$openid', jsonString: '$resultJSON', jsonSignature: '$resultJSONSignature' }
    })
  } catch (err) {
    return err
  }
}
