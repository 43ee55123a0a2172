// A writer of one core.
//
//     node writer.mjs --storage DIR --seed NAME [--generation 10|11] [--compat]
//         [--signers N] [--encryption-key HEX] [--blocks N --size BYTES]
//         [--content NAME] [--listen]
//
// It keeps its core in DIR and goes on with it when it comes back. Its keys follow
// from the seed, and the bytes it writes from the content's name. Commands:
//
//     append {blocks,size}  more blocks           dial {to}         connect to HOST:PORT
//     truncate {to}         a signed delete       hangup            leave
//     clear {from,to}       forget own blocks     held {peers}      wait until peers have all
//     sum {raw}             what a reader must see
//     block {index}         the same of one block
import { multiSign, openOwn, held } from './lib/cores.mjs'
import { block, blockOf, sumOf } from './lib/bytes.mjs'
import { hex, obey, options, tell } from './lib/peer.mjs'
import { dial, hangUp, listen } from './lib/wire.mjs'

const o = options({
  storage: { type: 'string' },
  seed: { type: 'string' },
  generation: { type: 'string', default: '11' },
  compat: { type: 'boolean', default: false },
  signers: { type: 'string', default: '1' },
  'encryption-key': { type: 'string' },
  blocks: { type: 'string', default: '0' },
  size: { type: 'string', default: '100' },
  content: { type: 'string' },
  listen: { type: 'boolean', default: false }
})

const own = await openOwn(o.storage, {
  generation: Number(o.generation),
  seed: o.seed,
  compat: o.compat,
  signers: Number(o.signers),
  encryptionKey: o['encryption-key']
})
const core = own.core
const cleared = new Set()

// How many bytes of blocks are appended at once.
const BATCH = 8 << 20

async function append ({ blocks, size }) {
  const atOnce = Math.max(1, Math.min(1024, Math.floor(BATCH / size)))
  for (let done = 0; done < blocks; done += atOnce) {
    const batch = []
    for (let i = done; i < Math.min(blocks, done + atOnce); i++) {
      // The fork too: after a truncation other bytes stand at the same place.
      batch.push(block((o.content || o.seed) + core.fork, core.length + batch.length, size))
    }
    if (own.keyPairs.length > 1) await multiSign(own, { append: batch })
    else await core.append(batch)
  }
  return head()
}

async function truncate ({ to }) {
  if (own.keyPairs.length > 1) await multiSign(own, { truncate: to })
  else await core.truncate(to)
  return head()
}

async function clear ({ from, to }) {
  await core.clear(from, to)
  for (let i = from; i < to; i++) cleared.add(i)
  return head()
}

async function whenHeld ({ peers = 1 }) {
  const kept = []
  for (let i = 0; i < core.length; i++) {
    if (!cleared.has(i)) kept.push(i)
  }
  await held(core, cleared.size > 0 ? kept : null, peers)
  return head()
}

async function head () {
  return {
    length: core.length,
    fork: core.fork,
    bytes: core.byteLength,
    treeHash: hex(await core.treeHash())
  }
}

if (core.length === 0) await append({ blocks: Number(o.blocks), size: Number(o.size) })

core.on('verification-error', (err) => tell('verification-error', { error: err.message }))

obey({
  append,
  truncate,
  clear,
  held: whenHeld,
  sum: ({ raw = false }) => sumOf(core, core.length, raw ? { raw: true } : {}),
  block: ({ index }) => blockOf(core, index),
  dial: async ({ to }) => { dial(to, (noise) => core.replicate(noise)) },
  hangup: hangUp
}, async () => {
  await hangUp()
  await core.close()
})

tell('ready', {
  key: hex(core.key),
  discoveryKey: hex(core.discoveryKey),
  address: o.listen ? await listen((noise) => core.replicate(noise)) : null,
  ...(await head())
})
