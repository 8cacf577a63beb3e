'use strict'
// Asks questions one after the other and prints what a caller of the function
// would get.
//
//   in   {"sdk": "wx-server-sdk-4.0.2", "example": "example.js", "questions": [{"environment": {…}, "question": {…}}]}
//   out  [{"answer": "<JSON text>", "thrown": false, "message": ""}]

const { load, readStdin } = require('./sdk')

console.log = console.warn = console.error = () => {} // the SDK's advice is not an answer

async function main() {
  const { sdk, example, questions } = await readStdin()
  const before = { ...process.env }
  const answers = []
  for (const { environment, question } of questions) {
    process.env = { ...before, ...environment }
    const result = await load(sdk, example, question)({}, {})
    const thrown = result instanceof Error
    answers.push({ answer: JSON.stringify(result) || '', thrown, message: thrown ? result.message : '' })
  }
  process.stdout.write(JSON.stringify(answers))
}

main().then(() => process.exit(0), err => {
  process.stderr.write(`${err.stack}\n`)
  process.exit(1)
})
