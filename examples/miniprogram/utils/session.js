// The user's session at a backend of your own: wx.login once, and again when the
// backend has forgotten it. Your app has something like it already.

/**
 * @param {string} url of the backend
 * @returns {(renew: boolean) => Promise<string>}
 */
function open(url) {
  /** @type {Promise<string> | undefined} */
  let session
  return (renew) => {
    if (!session || renew) {
      const attempt = login(url)
      attempt.catch(() => { if (session === attempt) session = undefined })
      session = attempt
    }
    return session
  }
}

/** @param {string} url */
async function login(url) {
  const { code } = await wx.login()
  const answer = await new Promise((resolve, reject) => {
    wx.request({ url: url + '/login', method: 'POST', data: { code }, timeout: 15000, success: resolve, fail: reject })
  })
  if (answer.statusCode !== 200 || !answer.data.session) throw new Error('login: status ' + answer.statusCode)
  return answer.data.session
}

module.exports = { open }
