// The orders, in memory and for one process. In your backend they are rows of a database:
// each function below says which statement it is.
const { randomUUID } = require('node:crypto')

// The catalogue, with prices in fen. A page names an item and never a price.
const CATALOGUE = {
  longjing: { name: 'Longjing 50 g', price: 4200 },
  set: { name: 'Tea set', price: 42000 },
}
const CURRENCY = 'CNY'
const PAYEE = 'Tea House'
const MAX_QUANTITY = 99

/** @type {Map<string, any>} */
const orders = new Map()

// purposeOf returns what the user authorizes: all that the payment depends on, from the
// server's own data. verify compares it byte for byte, so one function builds it for both requests.
const purposeOf = ({ id, name, quantity, amount }) =>
  `pay order ${id}, ${money(amount)}, for ${quantity} x ${name}, to ${PAYEE}`

const money = (amount) => `${(amount / 100).toFixed(2)} ${CURRENCY}`

const possible = (item, quantity) => Object.hasOwn(CATALOGUE, String(item)) &&
  Number.isInteger(quantity) && quantity >= 1 && quantity <= MAX_QUANTITY

// INSERT INTO orders …
function create(owner, item, quantity) {
  if (!possible(item, quantity)) return undefined
  const { name, price } = CATALOGUE[item]
  const amount = price * quantity
  const order = { id: randomUUID(), owner, item, name, quantity, amount, version: 1, state: 'open' }
  orders.set(order.id, order)
  return { ...order }
}

// SELECT … WHERE id = ? AND owner = ?
function find(owner, id) {
  const order = orders.get(id)
  return order && order.owner === owner ? { ...order } : undefined
}

// UPDATE … SET quantity = ?, amount = ?, version = version + 1
// WHERE id = ? AND owner = ? AND state = 'open'
function change(owner, id, quantity) {
  const order = orders.get(id)
  if (!order || order.owner !== owner || order.state !== 'open') return false
  if (!possible(order.item, quantity)) return false
  const amount = CATALOGUE[order.item].price * quantity
  Object.assign(order, { quantity, amount, version: order.version + 1 })
  return true
}

// UPDATE … SET state = 'paid', result = ?, evidence = ?
// WHERE id = ? AND owner = ? AND state = 'open' AND version = ?
//
// This one write is the payment. It happens only if the order is still as it was verified:
// true for one caller, whoever else tries at the same time.
function pay({ id, owner, version }, result, evidence) {
  const order = orders.get(id)
  if (!order || order.owner !== owner) return false
  if (order.state !== 'open' || order.version !== version) return false
  Object.assign(order, { state: 'paid', result, evidence })
  return true
}

// shown returns what the owner's page may see. "purpose" is what will be signed.
const shown = (order) => {
  const { id, name, quantity, amount, state } = order
  return { id, name, quantity, price: money(amount), state, purpose: purposeOf(order) }
}

module.exports = { create, find, change, pay, purposeOf, shown }
