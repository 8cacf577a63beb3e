// Serves DynamoDB's API on a port of 127.0.0.1 that it prints, from memory, until its
// standard input ends: it does not outlive the test that started it.
const dynalite = require('dynalite')

const server = dynalite({createTableMs: 0})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.on('end', () => process.exit(0)).resume()
