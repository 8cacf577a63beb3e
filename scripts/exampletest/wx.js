// The part of wx that examples/miniprogram uses, standing on the sandbox's phone and on
// the functions as they are deployed.
//
//   urls.sandbox, urls.functions (SCF's Invoke API), urls.hosting (Cloud Hosting's door), urls.backend
//
// phone says who holds it and what it does:
//
//   openid             the user of the Mini Program
//   holder             whose key signs, the user's own unless given
//   platform           android unless given
//   language           zh_CN unless given
//   supports, enrolled lists of modes, ['fingerPrint'] unless given; enrolled null: asking fails
//   silent             asked whether a finger is enrolled, it says neither yes nor no
//   fails              what startSoterAuthentication fails with
//   adds               goes into a result that succeeds
//   changes            a part of the result that is changed after signing: jsonString or jsonSignature
//   replays            the last result is given again
//   old                the base library knows no biometric authentication
//   loses              challenge, verify or order: the question arrives, its answer does not
//   drops              verify: the question does not arrive either
//   hears              {challenge, verify or order: the text that comes in place of the answer}
const cloud = require('./cloud')

module.exports = (urls, phone, calls, orders = []) => {
  let last
  const openid = phone.openid

  const post = async (url, data, header) => {
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(data), headers: { 'Content-Type': 'application/json', ...header } })
    return { status: response.status, text: await response.text(), header: response.headers }
  }
  const parsed = (text) => {
    try {
      return JSON.parse(text)
    } catch {
      return text
    }
  }
  // travels is the way to a function: what is asked, and what goes wrong on the way back.
  const travels = async (what, request) => {
    const reply = phone.drops === what ? {} : await request()
    if (phone.loses === what) throw { errMsg: what + ':fail timeout' }
    if (phone.hears && what in phone.hears) return { ...reply, status: 200, text: phone.hears[what] }
    return reply
  }
  const whatIs = (name) => (/challenge/i.test(name) ? 'challenge' : /order/.test(name) ? 'order' : 'verify')

  const api = (name, run) => (options = {}) => {
    calls.push(name)
    const done = Promise.resolve().then(() => run(options)).then(
      (res) => ({ ok: true, res: { errMsg: name + ':ok', ...res } }),
      (err) => ({ ok: false, res: err instanceof Error ? { errMsg: name + ':fail ' + err.message } : err }),
    )
    if (options.success || options.fail || options.complete) {
      done.then(({ ok, res }) => {
        if (ok && options.success) options.success(res)
        if (!ok && options.fail) options.fail(res)
        if (options.complete) options.complete(res)
      })
      return undefined
    }
    return done.then(({ ok, res }) => (ok ? res : Promise.reject(res)))
  }

  const wx = {
    getDeviceInfo: () => ({ platform: phone.platform || 'android' }),
    getAppBaseInfo: () => ({ language: phone.language || 'zh_CN' }),
    showToast: api('showToast', () => ({})),
    login: api('login', () => ({ code: 'code-of-' + openid })),

    checkIsSupportSoterAuthentication: api('checkIsSupportSoterAuthentication', () => {
      if (phone.platform === 'devtools') throw { errMsg: 'checkIsSupportSoterAuthentication:fail devtools/notsupport' }
      return { supportMode: phone.supports || ['fingerPrint'] }
    }),
    checkIsSoterEnrolledInDevice: api('checkIsSoterEnrolledInDevice', ({ checkAuthMode }) => {
      if (phone.enrolled === null) throw { errMsg: 'checkIsSoterEnrolledInDevice:fail' }
      if (phone.silent) return {}
      return { isEnrolled: (phone.enrolled || ['fingerPrint']).includes(checkAuthMode) }
    }),
    startSoterAuthentication: api('startSoterAuthentication', async ({ requestAuthModes, challenge, authContent = '' }) => {
      if (phone.platform === 'devtools') throw { errMsg: 'startSoterAuthentication:fail devtools/notsupport' }
      if (phone.fails) throw phone.fails
      if (!challenge || challenge.length > 512) throw { errCode: 90004, errMsg: 'startSoterAuthentication:fail' }
      if (authContent.length > 42) throw { errCode: 90005, errMsg: 'startSoterAuthentication:fail' }
      if (!phone.replays || !last) {
        const { status, text } = await post(urls.sandbox + '/sandbox/phone/sign', { openid: phone.holder || openid, challenge })
        if (status !== 200) throw new Error(text)
        last = JSON.parse(text)
      }
      const signed = { ...last }
      if (phone.changes === 'jsonString') signed.jsonString = signed.jsonString.replace('"counter"', ' "counter"')
      if (phone.changes === 'jsonSignature') signed.jsonSignature = signed.jsonSignature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))
      return {
        errCode: 0, authMode: requestAuthModes[0], resultJSON: signed.jsonString, resultJSONSignature: signed.jsonSignature, ...phone.adds,
      }
    }),

    request: api('request', async ({ url, method, data, header }) => {
      calls.push(new URL(url).pathname)
      if (method !== 'POST') throw new Error('this stand-in knows POST only')
      const ask = () => post(url, data, header)
      const { status, text } = url.startsWith(urls.backend) && !url.endsWith('/login')
        ? await travels(whatIs(url), ask) : await ask()
      return { statusCode: status, data: parsed(text) }
    }),

    cloud: {
      init() {},
      // SCF's platform tells the function in the environment of this one invocation who calls.
      callFunction: api('cloud.callFunction', async ({ name, data }) => {
        calls.push(name)
        if (name === 'pay') {
          calls.push('pay ' + data.step)
          const { text } = await travels(whatIs(data.step), async () => ({ text: JSON.stringify(await cloud(urls, openid, orders).main(data)) }))
          return { result: parsed(text) }
        }
        const environment = { WX_OPENID: openid, WX_APPID: urls.appid, TCB_SOURCE: 'wx_client', WX_CONTEXT_KEYS: 'WX_OPENID,WX_APPID' }
        const { status, text, header } = await travels(whatIs(name), () => post(
          urls.functions + '/scf/functions/' + name + '/invocations', data, { 'X-Scf-Environment': JSON.stringify(environment) }))
        if (status !== 200 || header.get('X-Scf-Function-Error')) throw { errCode: -504002, errMsg: 'cloud.callFunction:fail ' + text }
        return { result: parsed(text) }
      }),
      // WeChat has verified the user and tells the door; the client's own X-WX headers are sent along.
      callContainer: api('cloud.callContainer', async ({ path, method, data, header }) => {
        calls.push(path)
        if (method !== 'POST') throw new Error('this stand-in knows POST only')
        const { status, text } = await travels(whatIs(path), () => post(urls.hosting + path, data, { ...header, 'X-Verified-User': openid }))
        return { statusCode: status, data: parsed(text) }
      }),
    },
  }
  if (phone.old) {
    delete wx.checkIsSupportSoterAuthentication
    delete wx.startSoterAuthentication
  }
  return wx
}
