const soter = require('../../utils/soter')
const config = require('../../config')

const zh = String((wx.getAppBaseInfo ? wx.getAppBaseInfo() : wx.getSystemInfoSync()).language).startsWith('zh')

// A page may be written with Component, too; so it can be tested like one.
Component({
  data: {
    amount: '1.00',
    order: 'example-1',
    busy: false,
    outcome: /** @type {import('../../utils/soter').Outcome | null} */ (null),
    words: zh
      ? { pay: '指纹支付', password: '使用密码', order: '查看订单' }
      : { pay: 'Pay with fingerprint', password: 'Use the password', order: 'See the order' },
  },

  methods: {
    async pay() {
      // A second dialog on top of the first makes some phones answer 90007.
      if (this.data.busy) return
      this.setData({ busy: true, outcome: null })
      try {
        const outcome = await soter.authenticate({
          transport: config.transport,
          sandbox: config.sandbox,
          modes: ['fingerPrint', 'facial'],
          authContent: zh ? '验证指纹以完成支付' : 'Confirm the payment',
          data: { order: this.data.order },
        })
        if (outcome.result !== 'passed') console.warn(outcome.result, outcome.code, outcome.detail)
        this.setData({ outcome })
      } finally {
        this.setData({ busy: false })
      }
    },

    // The ways that lead on from here are your app's own.
    usePassword() {
      wx.showToast({ title: this.data.words.password, icon: 'none' })
    },

    viewOrder() {
      wx.showToast({ title: this.data.words.order, icon: 'none' })
    },
  },
})
