// SANDBOX_OPENID logs everybody in as one user. That is for scripts/local and the developer
// tools on one computer, so all that points to anything else refuses it.

const HOSTS = ['127.0.0.1', 'localhost', '[::1]']

/** @param {string} url */
function isLoopback(url) {
  try {
    return HOSTS.includes(new URL(url).hostname)
  } catch {
    return false
  }
}

/**
 * problem says why the server must not start with SANDBOX_OPENID; '' if it may.
 *
 * @param {string[]} urls of the functions
 * @param {string} appSecret
 */
function problem(urls, appSecret) {
  if (!urls.every(isLoopback)) return 'SANDBOX_OPENID is for functions on loopback'
  // Whoever has an AppSecret has users.
  if (appSecret || process.env.NODE_ENV === 'production') {
    return 'SANDBOX_OPENID is for development, without WECHAT_APPSECRET'
  }
  return ''
}

// Headers that proxies add. A proxy that adds none, and sends this host's name, looks like a
// program on this computer: hence problem.
const FORWARDED = [
  'forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip',
  'x-wx-openid', 'cf-connecting-ip',
]

/**
 * isOwn says whether a request comes from this computer: by its connection, by the host
 * that it names (a page elsewhere may have a name that leads here), and not by a proxy.
 *
 * @param {import('node:http').IncomingMessage} request
 */
function isOwn(request) {
  const from = String(request.socket.remoteAddress)
  return (from === '::1' || /^(::ffff:)?127\./.test(from)) &&
    isLoopback('http://' + request.headers.host) && !FORWARDED.some((name) => name in request.headers)
}

module.exports = { problem, isOwn }
