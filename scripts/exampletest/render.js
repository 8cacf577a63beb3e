// Renders the page pay with miniprogram-simulate, presses its button once for each case
// on standard input, and prints what the user sees.
const { JSDOM } = require('jsdom')
const standIn = require('./wx')

const { window } = new JSDOM('<!DOCTYPE html><body></body>')
for (const name of ['window', 'document', 'Event', 'CustomEvent', 'Node', 'HTMLElement', 'TouchEvent']) {
  global[name] = name === 'window' ? window : window[name]
}
const path = require('node:path')
const miniprogram = path.join(__dirname, '../../examples/miniprogram')

async function show(urls, { phone, presses, changes }) {
  const calls = []
  const orders = []
  global.wx = standIn(urls, phone, calls, orders)
  const simulate = require('miniprogram-simulate')
  const config = require(miniprogram + '/config')
  const soter = require(miniprogram + '/utils/soter')
  config.transport = soter.cloudFunctions({ pay: 'pay' })
  const id = simulate.load(miniprogram + '/pages/pay/pay', { compiler: 'simulate', rootPath: miniprogram })
  const page = simulate.render(id)
  page.attach(document.body)
  const seen = (selector) => {
    const part = page.querySelector(selector)
    return part ? part.dom.textContent.trim() : ''
  }
  const all = () => ({
    pay: seen('.pay'), password: seen('.fallback'), order: seen('.order'), outcome: seen('.outcome'),
    amount: seen('.amount'), purpose: seen('.purpose'), paid: seen('.paid'), missing: seen('.missing'), again: seen('.again'),
  })
  await simulate.sleep(5)
  while (page.data.busy) await simulate.sleep(5)
  const before = all()
  if (changes) Object.assign(orders[0], changes)
  const button = page.querySelector('.pay')
  for (let i = 0; button && i < presses; i++) button.dispatchEvent('tap')
  await simulate.sleep(5)
  while (page.data.busy) await simulate.sleep(5)
  const after = all()
  for (const way of ['.fallback', '.order']) {
    const part = page.querySelector(way)
    if (part) part.dispatchEvent('tap')
  }
  await simulate.sleep(5)
  page.detach()
  return { before, after, calls, paid: orders.filter(({ state }) => state === 'paid').length }
}

async function main() {
  const chunks = []
  for await (const chunk of process.stdin) chunks.push(chunk)
  const { urls, cases } = JSON.parse(Buffer.concat(chunks))
  console.warn = () => {}
  const results = []
  for (const one of cases) results.push(await show(urls, one))
  process.stdout.write(JSON.stringify(results))
}

main()
