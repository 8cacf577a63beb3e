// Runs cloudfunctions/pay of the example with a stand-in for wx-server-sdk: the user is
// the one that the platform names, its calls go to the functions on SCF, and the
// database is a list of documents.
const path = require('node:path')
const Module = require('node:module')

// collection has what the example uses of a collection of CloudBase: one statement is
// atomic, and what it returns is a copy.
const collection = (documents) => ({
  async add({ data }) {
    const _id = 'order-' + (documents.length + 1)
    documents.push(structuredClone({ _id, ...data }))
    return { _id }
  },
  where(query) {
    const found = () => documents.filter((one) => Object.entries(query).every(([name, value]) => one[name] === value))
    return {
      get: async () => ({ data: structuredClone(found()) }),
      async update({ data }) {
        const all = found()
        for (const one of all) Object.assign(one, structuredClone(data))
        return { stats: { updated: all.length } }
      },
    }
  },
})

module.exports = (urls, openid, documents) => {
  const sdk = {
    DYNAMIC_CURRENT_ENV: Symbol('the environment of this function'),
    init() {},
    getWXContext: () => ({ OPENID: openid, APPID: urls.appid }),
    async callFunction({ name, data }) {
      const environment = { WX_OPENID: openid, WX_APPID: urls.appid, TCB_SOURCE: 'wx_client,scf', WX_CONTEXT_KEYS: 'WX_OPENID,WX_APPID' }
      const response = await fetch(urls.functions + '/scf/functions/' + name + '/invocations', {
        method: 'POST', body: JSON.stringify(data), headers: { 'X-Scf-Environment': JSON.stringify(environment) },
      })
      return { result: await response.json() }
    },
    database: () => ({ collection: () => collection(documents) }),
  }
  const file = path.join(__dirname, '../../examples/miniprogram/cloudfunctions/pay/index.js')
  const load = Module._load
  Module._load = (request, ...rest) => (request === 'wx-server-sdk' ? sdk : load(request, ...rest))
  try {
    delete require.cache[file]
    return require(file)
  } finally {
    Module._load = load
  }
}
