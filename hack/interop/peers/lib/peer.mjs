// The manners that all peers here share. A peer is told what to do by options on
// its command line and then by lines of JSON on its standard input, and tells
// what happened in lines of JSON on its standard output:
//
//     {"do":"append","blocks":3,"size":100}     a command
//     {"event":"done","do":"append","length":3} its answer
//     {"event":"closed","error":"..."}          something that happened by itself
//
// It ends on SIGTERM, and when its standard input ends: whoever started it is gone.
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

// options reads the command line. The spec is that of parseArgs.
export function options (spec) {
  return parseArgs({ options: spec, strict: true }).values
}

// Without somebody who listens there is nothing to go on for.
process.stdout.on('error', () => process.exit(1))

// tell prints an event.
export function tell (event, facts = {}) {
  process.stdout.write(JSON.stringify({ event, ...facts }) + '\n')
}

// obey carries out commands, one after the other, until the peer is to end.
// Each command is a function from the command line's object to its answer.
export function obey (commands, close = async () => {}) {
  const lines = createInterface({ input: process.stdin })
  let last = Promise.resolve()
  lines.on('line', (line) => {
    const command = JSON.parse(line)
    last = last.then(() => carryOut(commands, command))
  })
  lines.on('close', () => end(close))
  process.on('SIGTERM', () => end(close))
}

async function carryOut (commands, command) {
  try {
    const answer = await commands[command.do](command)
    tell('done', { do: command.do, ...answer })
  } catch (err) {
    tell('failed', { do: command.do, error: err.message, stack: err.stack })
  }
}

let ending = false

async function end (close) {
  if (ending) return
  ending = true
  // A peer that cannot close in good order must not outlive its driver.
  setTimeout(() => process.exit(1), 3000).unref()
  await close()
  process.exit(0)
}

// until waits for a condition that no event tells of.
export async function until (condition) {
  while (!(await condition())) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export function hex (bytes) {
  return bytes ? Buffer.from(bytes).toString('hex') : null
}

export function unhex (text) {
  return text ? Buffer.from(text, 'hex') : null
}
