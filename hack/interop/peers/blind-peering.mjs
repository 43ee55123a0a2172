// The stock client of blind peers, which asks a box to keep a core. It would find
// the box by HyperDHT; here its DHT is replaced by a TCP connection.
//
//     node blind-peering.mjs --storage DIR --seed NAME --to HOST:PORT --server-key HEX
//
// The seed makes its static key, by which the box knows the partner. Commands:
//
//     append {blocks,size}   ask   held   sum
import { EventEmitter } from 'node:events'
import BlindPeering from 'blind-peering'
import Corestore from 'corestore'
import { held, seeded } from './lib/cores.mjs'
import { block, sumOf } from './lib/bytes.mjs'
import { hex, obey, options, tell, unhex } from './lib/peer.mjs'
import { dial, hangUp } from './lib/wire.mjs'

const o = options({
  storage: { type: 'string' },
  seed: { type: 'string' },
  to: { type: 'string' },
  'server-key': { type: 'string' }
})

const keyPair = seeded(o.seed)
const store = new Corestore(o.storage)
const core = store.get({ name: 'kept' })
await core.ready()

const dht = new EventEmitter()
dht.destroyed = false
dht.connect = () => dial(o.to, () => {}, keyPair)

const client = new BlindPeering(dht, store, { keys: [unhex(o['server-key'])], pick: 1, gcWait: 60000 })

obey({
  append: async ({ blocks, size }) => {
    for (let i = 0; i < blocks; i++) await core.append(block(o.seed, core.length, size))
  },
  ask: () => client.addCore(core, { priority: 1 }),
  held: () => held(core),
  sum: () => sumOf(core)
}, async () => {
  await client.close()
  await hangUp()
  await store.close()
})

tell('ready', { key: hex(core.key), client: hex(keyPair.publicKey) })
