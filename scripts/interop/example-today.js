const cloud = require('wx-server-sdk')
cloud.init({
  env: cloud.DYNAMIC_CURRENT_ENV,
})
exports.main = async (event, context) => {
  try {
    const result = await cloud.openapi.soter.verifySignature({
        "openid": '$openid',
        "jsonString": '$resultJSON',
        "jsonSignature": '$resultJSONSignature'
      })
    return result
  } catch (err) {
    return err
  }
}
