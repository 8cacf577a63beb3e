// Serves DynamoDB's API on a port of 127.0.0.1 that it prints, from memory, until its
// standard input ends: it does not outlive the test that started it.
const dynalite = require('dynalite')
const db = require('dynalite/db')

// The one thing that we use, DynamoDB has and dynalite lacks: a write whose condition
// fails is told which item is there, if it asks.
const asks = 'ReturnValuesOnConditionCheckFailure'
for (const action of ['putItem', 'updateItem']) {
  require('dynalite/validations/' + action).types[asks] = {type: 'String'}
}
const check = db.checkConditional
db.checkConditional = (data, item) => {
  const failure = check(data, item)
  if (failure && item && data[asks] === 'ALL_OLD') failure.body.Item = item
  return failure
}

const server = dynalite({createTableMs: 0})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.on('end', () => process.exit(0)).resume()
