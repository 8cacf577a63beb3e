'use strict'
// Preloaded with --require: the clock stands at FROZEN_AT milliseconds and
// nothing is random, so that the SDK sends the same bytes each time.

const crypto = require('crypto')

const at = Number(process.env.FROZEN_AT)
const RealDate = Date
globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length ? args : [at]))
  }

  static now() {
    return at
  }
}
crypto.randomBytes = size => Buffer.alloc(size, 0x5a)
