// What the peers write, and how they sum up what they read.
import { createCipheriv, createHash } from 'node:crypto'

// block returns bytes that do not compress: the same for the same seed, index and size.
export function block (seed, index, size) {
  const key = createHash('sha256').update(seed).digest()
  const counter = Buffer.alloc(16)
  // The upper half, so that the counters of two blocks never meet.
  counter.writeBigUInt64BE(BigInt(index), 0)
  return createCipheriv('aes-256-ctr', key, counter).update(Buffer.alloc(size))
}

// A Sum is a SHA-256 over pieces and where they end.
export class Sum {
  constructor () {
    this.hash = createHash('sha256')
    this.bytes = 0
  }

  add (piece) {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(piece.length)
    this.hash.update(length).update(piece)
    this.bytes += piece.length
  }

  hex () {
    return this.hash.digest('hex')
  }
}

// sumOf sums up the blocks of a core from its beginning, as the core hands them out.
export async function sumOf (core, length = core.length, options = {}) {
  const sum = new Sum()
  for (let i = 0; i < length; i++) sum.add(await core.get(i, options))
  return { length, fork: core.fork, bytes: sum.bytes, sha256: sum.hex() }
}

// blockOf reads one block of a core, or nothing when none came within that many
// milliseconds; 0 waits as long as it takes.
export async function blockOf (core, index, within = 0) {
  const sum = new Sum()
  try {
    sum.add(await core.get(index, { timeout: within }))
  } catch (err) {
    if (err.code === 'REQUEST_TIMEOUT') return { index, sha256: null }
    throw err
  }
  return { index, length: core.length, sha256: sum.hex() }
}
