// A stock swarm peer, which dials nothing but HyperDHT: a writer, or a reader
// when it is given a key.
//
//     node dht-peer.mjs --storage DIR --bootstrap HOST:PORT... [--key HEX | --seed NAME --blocks N --size BYTES]
//
// Commands:
//
//     meet {publicKey}   connect to a peer by its address in the DHT
//     join               connect to whoever announces the core's discovery key
//     held               wait until the peer has all
//     sum {length}       read the whole core once it is that long
import DHT from 'hyperdht'
import Hyperswarm from 'hyperswarm'
import { held, openOther, openOwn } from './lib/cores.mjs'
import { block, sumOf } from './lib/bytes.mjs'
import { hex, obey, options, tell, unhex, until } from './lib/peer.mjs'

const o = options({
  storage: { type: 'string' },
  bootstrap: { type: 'string', multiple: true },
  key: { type: 'string' },
  seed: { type: 'string' },
  blocks: { type: 'string', default: '0' },
  size: { type: 'string', default: '100' }
})

const core = o.key
  ? await openOther(o.storage, { generation: 11, key: o.key })
  : (await openOwn(o.storage, { generation: 11, seed: o.seed, signers: 1 })).core
for (let i = 0; i < Number(o.blocks); i++) await core.append(block(o.seed, i, Number(o.size)))

const swarm = new Hyperswarm({ dht: new DHT({ bootstrap: o.bootstrap, host: '127.0.0.1' }) })
swarm.on('connection', (peer) => {
  peer.on('error', () => {})
  core.replicate(peer)
  tell('opened', { remotePublicKey: hex(peer.remotePublicKey) })
})

obey({
  meet: async ({ publicKey }) => { swarm.joinPeer(unhex(publicKey)) },
  join: async () => {
    swarm.join(core.discoveryKey, { server: false, client: true })
    await swarm.flush()
  },
  held: () => held(core),
  sum: async ({ length }) => {
    await until(async () => {
      await core.update({ wait: false })
      return core.length >= length
    })
    return sumOf(core)
  }
}, async () => {
  await swarm.destroy()
  await core.close()
})

tell('ready', { key: hex(core.key), discoveryKey: hex(core.discoveryKey), length: core.length })
