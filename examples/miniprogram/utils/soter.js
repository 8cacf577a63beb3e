// Biometric authentication for a Mini Program, in one file: copy it into yours.
//
//   const soter = require('../../utils/soter')
//   const outcome = await soter.authenticate({ transport: soter.cloudFunctions() })
//   if (outcome.result === 'passed') …
//
// Steps: check that it is supported and that a finger is enrolled, fetch a challenge, have the
// phone sign it, have the backend verify. On any error the result is not 'passed'.
//
// For a payment, name the order in data. The server builds the purpose from its own
// order, both when it issues the challenge and when it verifies.
//
// The page only shows the result. The protected action (a payment, a change of the
// password) must be done by the server that calls verify, in the same request: a page's
// request can be forged.

/** @typedef {'fingerPrint' | 'facial'} Mode */

/**
 * passed       the signature is genuine, and for this user and this challenge
 * refused      it is not, or the sensor did not recognise the finger
 * cancelled    the user closed the dialog
 * unavailable  not possible on this phone, or not now: offer another way
 * unanswered   there is no result; this is not a refusal
 * @typedef {'passed' | 'refused' | 'cancelled' | 'unavailable' | 'unanswered'} Result
 */

/**
 * @typedef {object} Outcome
 * @property {Result} result
 * @property {number} code 0; or the phone's 90001 to 90011, or the errCode of the answer
 * @property {string} message what to show the user
 * @property {boolean} fallback offer another way, such as the password
 * @property {boolean} retry trying again at once may help, and does no harm
 * @property {string} detail for your log: the errMsg as it came
 */

/**
 * How the page reaches the functions challenge and verify.
 * @typedef {object} Transport
 * @property {(question: object) => Promise<unknown>} challenge
 * @property {(question: object) => Promise<unknown>} verify
 * @property {(question: object) => Promise<any>} [order] what your server has about an order
 */

/** @typedef {{ result: Result, fallback: boolean, retry: boolean, en: string, zh: string }} Words */

/** @type {Record<string, Words>} */
const WORDS = {
  passed: { result: 'passed', fallback: false, retry: false, en: 'Verified.', zh: '验证通过。' },
  refused: {
    result: 'refused', fallback: true, retry: true,
    en: 'Not verified. Try again, or use your password.', zh: '验证不通过，请重试或使用密码。',
  },
  noChallenge: {
    result: 'unanswered', fallback: true, retry: true,
    en: 'The service cannot be reached. Try again, or use your password.', zh: '服务暂时不可用，请重试或使用密码。',
  },
  failed: {
    result: 'unanswered', fallback: true, retry: true,
    en: 'The service could not verify this. Try again, or use your password.', zh: '未能得到验证结果，请重试或使用密码。',
  },
  // Nothing was signed: the order is no longer what the page has shown.
  changed: {
    result: 'unanswered', fallback: false, retry: true,
    en: 'The order has changed. Look at it again.', zh: '订单已变更，请重新确认。',
  },
  // The request was sent and the response got lost: it may have succeeded.
  lost: {
    result: 'unanswered', fallback: false, retry: false,
    en: 'No answer came. See whether it has succeeded before you try again.', zh: '未收到验证结果，请先确认是否已成功，再决定是否重试。',
  },
}

/**
 * The codes of wx.startSoterAuthentication. 90006 is on no list of WeChat's; it is
 * treated as 90007.
 * @type {Record<number, Words>}
 */
const PHONE = {
  90001: {
    result: 'unavailable', fallback: true, retry: false,
    en: 'This phone does not support biometric authentication. Use your password.', zh: '本设备不支持生物认证，请使用密码。',
  },
  90002: {
    result: 'unavailable', fallback: true, retry: false,
    en: 'Biometric authentication has not been authorized. Use your password.', zh: '未授权使用生物认证，请使用密码。',
  },
  90003: {
    result: 'unavailable', fallback: true, retry: false,
    en: 'This phone does not support this kind of authentication. Use your password.', zh: '本设备不支持该认证方式，请使用密码。',
  },
  // 90004 (no challenge, or above 512 characters) and 90005 (authContent above 42)
  // are mistakes of the program: trying again changes nothing.
  90004: {
    result: 'unanswered', fallback: true, retry: false,
    en: 'Authentication could not be started. Use your password.', zh: '无法发起生物认证，请使用密码。',
  },
  90005: {
    result: 'unanswered', fallback: true, retry: false,
    en: 'Authentication could not be started. Use your password.', zh: '无法发起生物认证，请使用密码。',
  },
  90006: {
    result: 'unanswered', fallback: true, retry: true,
    en: 'The phone reported an error. Try again, or use your password.', zh: '手机认证出错，请重试或使用密码。',
  },
  90007: {
    result: 'unanswered', fallback: true, retry: true,
    en: 'The phone reported an error. Try again, or use your password.', zh: '手机认证出错，请重试或使用密码。',
  },
  90008: { result: 'cancelled', fallback: false, retry: true, en: 'Cancelled.', zh: '已取消。' },
  90009: {
    result: 'refused', fallback: true, retry: true,
    en: 'Not recognised. Try again, or use your password.', zh: '识别失败，请重试或使用密码。',
  },
  90010: {
    result: 'unavailable', fallback: true, retry: false,
    en: 'Too many attempts. Unlock the phone with its own password later; use your password now.',
    zh: '重试次数过多，已被冻结。请稍后先解锁手机再试，或使用密码。',
  },
  90011: {
    result: 'unavailable', fallback: true, retry: false,
    en: 'No fingerprint or face is enrolled. Enrol one in the settings of the phone, or use your password.',
    zh: '未录入指纹或人脸，请先在系统设置中录入，或使用密码。',
  },
}

/**
 * Runs one authentication. It never rejects because of the user, the phone or the
 * network; it rejects when the options are wrong.
 *
 * @param {object} options
 * @param {Transport} options.transport cloudFunctions(), cloudHosting() or backend()
 * @param {Mode[]} [options.modes] in the order in which you want them; ['fingerPrint'] if left out
 * @param {string} [options.authContent] what the dialog says, at most 42 characters
 * @param {object} [options.data] goes along with both questions, such as { order }
 * @param {string} [options.purpose] what the page has shown to the user; the phone signs only if
 *   the server says that the challenge is for this. The signature is bound to the server's
 *   purpose, with or without this option
 * @param {'en' | 'zh'} [options.language] of the message; WeChat's own if left out
 * @param {SandboxPhone} [options.sandbox] signs in the developer tools, which have no sensor
 * @returns {Promise<Outcome>}
 */
async function authenticate(options) {
  const language = options.language || appLanguage()
  const inTools = platform() === 'devtools'
  if (options.sandbox && !isLoopback(options.sandbox.url)) {
    throw new Error('options.sandbox.url must be http on 127.0.0.1 or localhost')
  }

  const possible = inTools && options.sandbox ? /** @type {Possible} */ ({ mode: 'fingerPrint' }) : await check(options.modes)
  if (!possible.mode) return outcome(PHONE[possible.code], possible.code, possible.detail, language)

  const issued = await ask(() => options.transport.challenge(Object.assign({}, options.data)))
  if (!issued.answer || typeof issued.answer.challenge !== 'string' || issued.answer.challenge === '') {
    return outcome(WORDS.noChallenge, issued.code, issued.detail, language)
  }
  if (options.purpose !== undefined && issued.answer.purpose !== options.purpose) {
    return outcome(WORDS.changed, 0, 'the challenge is for: ' + issued.answer.purpose, language)
  }

  const signed = inTools && options.sandbox
    ? await sandboxSigns(options.sandbox, issued.answer.challenge)
    : await phoneSigns(possible.mode, issued.answer.challenge, options.authContent || '')
  if (signed.code !== 0) return outcome(PHONE[signed.code] || PHONE[90007], signed.code, signed.detail, language)

  // Both exactly as they came: not parsed, not stringified once more.
  const question = Object.assign({}, options.data, { jsonString: signed.resultJSON, jsonSignature: signed.resultJSONSignature })
  const verified = await ask(() => options.transport.verify(question))
  if (!verified.answer) {
    return outcome(verified.code === 0 ? WORDS.lost : WORDS.failed, verified.code, verified.detail, language)
  }
  if (verified.answer.isOk === true) return outcome(WORDS.passed, 0, verified.detail, language)
  if (verified.answer.isOk === false) return outcome(WORDS.refused, 0, verified.detail, language)
  return outcome(WORDS.lost, 0, verified.detail, language)
}

/** @typedef {{ mode: Mode } | { mode: '', code: number, detail: string }} Possible */

/**
 * Says whether this phone can do it, so that a page can hide its button: mode is
 * what will be asked for, '' if nothing can.
 *
 * @param {Mode[]} [modes]
 * @returns {Promise<Possible>}
 */
async function check(modes) {
  if (typeof wx.checkIsSupportSoterAuthentication !== 'function' || typeof wx.startSoterAuthentication !== 'function') {
    return { mode: '', code: 90001, detail: 'the base library is older than 1.5.0' }
  }
  const supported = await called(wx.checkIsSupportSoterAuthentication, {})
  if (!supported.ok || !Array.isArray(supported.res.supportMode) || supported.res.supportMode.length === 0) {
    return { mode: '', code: 90001, detail: supported.res.errMsg }
  }
  const wanted = (modes || ['fingerPrint']).filter((mode) => supported.res.supportMode.includes(mode))
  if (wanted.length === 0) return { mode: '', code: 90003, detail: 'supported: ' + supported.res.supportMode.join() }
  for (const mode of wanted) {
    const enrolled = await called(wx.checkIsSoterEnrolledInDevice, { checkAuthMode: mode })
    // Only a clear no counts. If the phone cannot say, let it try to sign: it then
    // reports 90011 itself.
    if (!enrolled.ok || enrolled.res.isEnrolled !== false) return { mode }
  }
  return { mode: '', code: 90011, detail: 'nothing is enrolled for ' + wanted.join() }
}

/**
 * Asks a transport, and reads what came. Without an answer, code is its errCode, or 0
 * when nothing came that can be understood.
 *
 * @param {() => Promise<any>} question
 * @returns {Promise<{ answer?: any, code: number, detail: string }>}
 */
async function ask(question) {
  let answer
  try {
    answer = await question()
  } catch (err) {
    const e = /** @type {any} */ (err)
    return { code: 0, detail: String((e && (e.errMsg || e.message)) || e) }
  }
  if (typeof answer !== 'object' || answer === null || typeof answer.errCode !== 'number') {
    return { code: 0, detail: 'this is no answer of the function' }
  }
  if (answer.errCode !== 0) return { code: answer.errCode, detail: String(answer.errMsg) }
  return { answer, code: 0, detail: String(answer.errMsg) }
}

/** @typedef {{ code: number, detail: string, resultJSON: string, resultJSONSignature: string }} Signed */

/**
 * @param {Mode} mode
 * @param {string} challenge
 * @param {string} authContent
 * @returns {Promise<Signed>}
 */
async function phoneSigns(mode, challenge, authContent) {
  const { ok, res } = await called(wx.startSoterAuthentication, { requestAuthModes: [mode], challenge, authContent })
  return {
    code: ok && !res.errCode && res.resultJSON && res.resultJSONSignature ? 0 : phoneCode(res),
    detail: String(res.errMsg),
    resultJSON: res.resultJSON,
    resultJSONSignature: res.resultJSONSignature,
  }
}

/**
 * Some phones say in words only what happened.
 * @param {{ errCode?: number, errMsg?: string }} res
 */
function phoneCode(res) {
  if (res.errCode && PHONE[res.errCode]) return res.errCode
  const words = String(res.errMsg).toLowerCase()
  if (words.includes('cancel')) return 90008
  if (words.includes('notsupport') || words.includes('not support')) return 90001
  return 90007
}

/**
 * The phone of the project's sandbox, for the developer tools. In a real phone it is
 * never asked, whatever the options say.
 * @typedef {object} SandboxPhone
 * @property {string} url where `go run ./scripts/local` serves, http://127.0.0.1:9000
 * @property {string} openid the user who holds the phone
 */

/**
 * @param {SandboxPhone} phone
 * @param {string} challenge
 * @returns {Promise<Signed>}
 */
async function sandboxSigns(phone, challenge) {
  const { ok, res } = await called(wx.request, {
    url: phone.url + '/sandbox/phone/sign', method: 'POST', data: { openid: phone.openid, challenge },
  })
  const signed = (ok && res.statusCode === 200 && res.data) || {}
  return {
    code: signed.jsonString && signed.jsonSignature ? 0 : 90007,
    detail: String(res.errMsg),
    resultJSON: signed.jsonString,
    resultJSONSignature: signed.jsonSignature,
  }
}

/** @param {string} url */
function isLoopback(url) {
  return /^http:\/\/(127\.0\.0\.1|localhost)(:\d+)?$/.test(url)
}

/**
 * The functions, deployed in CloudBase. The platform names the user, so no openid is
 * sent.
 *
 * pay is a function of your own, which knows the orders, asks challenge and verify, and
 * pays; cloudfunctions/pay is one. Without it the page asks challenge and verify itself,
 * which binds a signature to no purpose and tells nobody but the page.
 *
 * @param {{ challenge?: string, verify?: string, pay?: string }} [names]
 * @returns {Transport}
 */
function cloudFunctions(names) {
  const { challenge = 'challenge', verify = 'verify', pay = '' } = names || {}
  /** @type {(name: string, step?: string) => (data: object) => Promise<any>} */
  const call = (name, step) => async (data) =>
    (await wx.cloud.callFunction({ name, data: step ? Object.assign({}, data, { step }) : data })).result
  if (pay) return { order: call(pay, 'order'), challenge: call(pay, 'challenge'), verify: call(pay, 'pay') }
  return { challenge: call(challenge), verify: call(verify) }
}

/**
 * The functions as a service in WeChat Cloud Hosting (base library 2.23.0 or later).
 * The platform names the user. The paths may be those of a service of your own.
 *
 * @param {{ env: string, service: string, challengePath?: string, verifyPath?: string, orderPath?: string }} options
 * @returns {Transport}
 */
function cloudHosting(options) {
  const { challengePath = '/openapi/soter/issueChallenge', verifyPath = '/openapi/soter/verifySignature', orderPath = '/order' } = options
  /** @type {(path: string) => (data: object) => Promise<any>} */
  const call = (path) => async (data) => (await wx.cloud.callContainer({
    config: { env: options.env }, path, method: 'POST', header: { 'X-WX-SERVICE': options.service }, data,
  })).data
  return { order: call(orderPath), challenge: call(challengePath), verify: call(verifyPath) }
}

/**
 * A backend of your own, which asks the functions. It knows the user by your own
 * session. No access_token and no token of the functions belongs into a page:
 * whoever has the Mini Program's code has it too.
 *
 * @param {object} options
 * @param {string} options.url https://…, without a slash at the end
 * @param {(renew: boolean) => Promise<string>} options.session gives your session; renew means
 *   that the backend does not take the last one any more
 * @param {string} [options.challengePath]
 * @param {string} [options.verifyPath]
 * @param {string} [options.orderPath]
 * @returns {Transport}
 */
function backend(options) {
  const { challengePath = '/soter/challenge', verifyPath = '/pay', orderPath = '/order' } = options
  /** @type {(path: string, data: object, renew: boolean) => Promise<any>} */
  const post = async (path, data, renew) => {
    const session = await options.session(renew)
    const { ok, res } = await called(wx.request, {
      url: options.url + path, method: 'POST', data, header: { 'X-Session': session }, timeout: 15000,
    })
    if (!ok) throw res
    return res.statusCode === 401 && !renew ? post(path, data, true) : res.data
  }
  /** @type {(path: string) => (data: object) => Promise<any>} */
  const call = (path) => (data) => post(path, data, false)
  return { order: call(orderPath), challenge: call(challengePath), verify: call(verifyPath) }
}

/**
 * Calls an API of wx. Old base libraries have no promises, so it uses callbacks.
 * @param {(options: any) => any} api
 * @param {object} options
 * @returns {Promise<{ ok: boolean, res: any }>}
 */
function called(api, options) {
  return new Promise((resolve) => {
    api(Object.assign({}, options, {
      success: (/** @type {any} */ res) => resolve({ ok: true, res }),
      fail: (/** @type {any} */ res) => resolve({ ok: false, res: res || {} }),
    }))
  })
}

/** Where the Mini Program runs: ios, android, ohos, windows, mac, or devtools. */
function platform() {
  return (typeof wx.getDeviceInfo === 'function' ? wx.getDeviceInfo() : wx.getSystemInfoSync()).platform
}

/** @returns {'en' | 'zh'} */
function appLanguage() {
  const { language } = typeof wx.getAppBaseInfo === 'function' ? wx.getAppBaseInfo() : wx.getSystemInfoSync()
  return String(language).startsWith('zh') ? 'zh' : 'en'
}

/**
 * @param {Words} words
 * @param {number} code
 * @param {string} detail
 * @param {'en' | 'zh'} language
 * @returns {Outcome}
 */
function outcome(words, code, detail, language) {
  return { result: words.result, code, message: words[language], fallback: words.fallback, retry: words.retry, detail }
}

module.exports = { authenticate, check, cloudFunctions, cloudHosting, backend }
