// A reader of one core that knows its key and nothing else.
//
//     node reader.mjs --storage DIR --key HEX [--generation 10|11]
//         [--encryption-key HEX] [--to HOST:PORT]... [--follow]
//
// With --follow it downloads whatever is appended, and tells of it. Commands:
//
//     dial {to}              connect to one more box
//     sum {length,fork,raw}  read the whole core once it is that long, on that fork
//     fetch {length}         download it, and no more
//     tip {length}           read the last block alone once it is that long
//     block {index,within}   read one block, or null when none came within that many ms
//     peers                  what the boxes say they have
import { openOther } from './lib/cores.mjs'
import { blockOf, sumOf } from './lib/bytes.mjs'
import { hex, obey, options, tell, until } from './lib/peer.mjs'
import { dial, hangUp } from './lib/wire.mjs'

const o = options({
  storage: { type: 'string' },
  key: { type: 'string' },
  generation: { type: 'string', default: '11' },
  'encryption-key': { type: 'string' },
  to: { type: 'string', multiple: true, default: [] },
  follow: { type: 'boolean', default: false }
})

const core = await openOther(o.storage, {
  generation: Number(o.generation),
  key: o.key,
  encryptionKey: o['encryption-key']
})
core.on('append', () => tell('appended', { length: core.length, fork: core.fork }))
core.on('truncate', (length, fork) => tell('truncated', { length, fork }))
core.on('verification-error', (err) => tell('verification-error', { error: err.message }))

async function reach (length, fork = 0) {
  await until(async () => {
    await core.update({ wait: false })
    return core.length >= length && core.fork >= fork
  })
}

async function fetch ({ length = 1, fork = 0 }) {
  await reach(length, fork)
  const whole = core.length
  await core.download({ start: 0, end: whole }).done()
  return { length: whole }
}

async function sum ({ length, fork, raw = false }) {
  const whole = (await fetch({ length, fork })).length
  return { ...(await sumOf(core, whole, raw ? { raw: true } : {})), treeHash: hex(await core.treeHash(whole)) }
}

async function tip ({ length }) {
  await reach(length)
  return blockOf(core, core.length - 1)
}

obey({
  fetch,
  sum,
  tip,
  block: ({ index, within = 0 }) => blockOf(core, index, within),
  dial: async ({ to }) => { dial(to, (noise) => core.replicate(noise)) },
  hangup: hangUp,
  peers: async () => ({
    length: core.length,
    fork: core.fork,
    peers: core.peers.map((p) => ({ length: p.remoteLength, fork: p.remoteFork, contiguous: p.remoteContiguousLength }))
  })
}, async () => {
  await hangUp()
  await core.close()
})

for (const to of o.to) dial(to, (noise) => core.replicate(noise))
if (o.follow) core.download({ start: 0, end: -1 })
tell('ready', { key: hex(core.key), length: core.length, fork: core.fork })
