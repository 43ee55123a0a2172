// A writer that lies. It is the real one, but some of the bytes are changed on
// their way out.
//
//     node liar.mjs --storage DIR --seed NAME --lie block|signature|node --to HOST:PORT
import { openOwn } from './lib/cores.mjs'
import { block } from './lib/bytes.mjs'
import { hex, obey, options, tell } from './lib/peer.mjs'
import { dial, hangUp } from './lib/wire.mjs'

const o = options({
  storage: { type: 'string' },
  seed: { type: 'string' },
  lie: { type: 'string' },
  to: { type: 'string' }
})

const BLOCKS = 20
const SIZE = 1000

const { core } = await openOwn(o.storage, { generation: 11, seed: o.seed, signers: 1 })
// The same as writer.mjs writes with this seed.
const blocks = Array.from({ length: BLOCKS }, (_, i) => block(o.seed + core.fork, i, SIZE))
await core.append(blocks)

// What is falsified: whatever frame holds these bytes leaves with another last byte.
const falsified = {
  block: () => blocks,
  signature: () => [core.core.state.signature.subarray(2, 66)],
  node: () => core.core.state.roots.map((root) => root.hash)
}[o.lie]()

let lies = 0

function lie (noise) {
  const write = noise.write
  noise.write = function (frame) {
    for (const bytes of falsified) {
      const at = frame.indexOf(bytes)
      if (at < 0) continue
      frame[at + bytes.length - 1] ^= 1
      lies++
    }
    return write.call(noise, frame)
  }
  core.replicate(noise)
}

obey({ lies: async () => ({ lies }) }, async () => {
  await hangUp()
  await core.close()
})

dial(o.to, lie)
tell('ready', { key: hex(core.key), length: core.length })
