const soter = require('../../utils/soter')
const config = require('../../config')

const zh = String((wx.getAppBaseInfo ? wx.getAppBaseInfo() : wx.getSystemInfoSync()).language).startsWith('zh')

/** @typedef {{ id: string, name: string, quantity: number, price: string, state: string, purpose: string }} Order */

// A page may be written with Component, too; so it can be tested like one.
Component({
  // /pages/pay/pay?order=ID. Without an id the example makes an order.
  properties: { order: String },

  data: {
    shown: /** @type {Order | null} */ (null),
    busy: false,
    outcome: /** @type {import('../../utils/soter').Outcome | null} */ (null),
    words: zh
      ? {
          pay: '指纹支付', password: '使用密码', order: '查看订单', signs: '将要签名的内容',
          paid: '已支付', missing: '无法读取订单，请重试。', again: '重试',
        }
      : {
          pay: 'Pay with fingerprint', password: 'Use the password', order: 'See the order', signs: 'You sign',
          paid: 'Paid', missing: 'The order cannot be read. Try again.', again: 'Try again',
        },
  },

  lifetimes: {
    attached() {
      this.load()
    },
  },

  methods: {
    // The server returns the order, and the text that will be signed for it. The page shows
    // both and computes neither.
    async load() {
      if (this.data.busy) return
      this.setData({ busy: true })
      try {
        await this.read()
      } finally {
        this.setData({ busy: false })
      }
    },

    async read() {
      const { transport, example } = config
      const id = this.data.shown ? this.data.shown.id : this.data.order
      /** @type {Order | null} */
      let shown = null
      try {
        const answer = transport.order && await transport.order(id ? { order: id } : example)
        if (answer && answer.errCode === 0) shown = answer.order
      } catch (err) {
        console.warn(err)
      }
      // Keep the order that was read before: its id is needed when the network is back.
      if (shown || !this.data.shown) this.setData({ shown })
    },

    async pay() {
      const { busy, shown } = this.data
      // A second dialog on top of the first makes some phones fail with 90007.
      if (busy || !shown) return
      this.setData({ busy: true, outcome: null })
      try {
        const outcome = await soter.authenticate({
          transport: config.transport,
          sandbox: config.sandbox,
          modes: ['fingerPrint', 'facial'],
          // Not signed: only shown to the user, in the phone's own dialog.
          authContent: (zh ? '支付 ' : 'Pay ') + shown.price,
          data: { order: shown.id },
          purpose: shown.purpose,
        })
        if (outcome.result !== 'passed') console.warn(outcome.result, outcome.code, outcome.detail)
        this.setData({ outcome })
        await this.read()
      } finally {
        this.setData({ busy: false })
      }
    },

    // Continue here to your app's own pages.
    usePassword() {
      wx.showToast({ title: this.data.words.password, icon: 'none' })
    },

    viewOrder() {
      wx.showToast({ title: this.data.words.order, icon: 'none' })
    },
  },
})
