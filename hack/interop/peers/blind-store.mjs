// What a box does, done in JavaScript: it keeps cores of which it knows the keys
// alone. The scenarios can be run against it instead of a box, to see on which
// side a fault is, and the benchmark compares the two.
//
//     node blind-store.mjs --storage DIR
//
// Commands:
//
//     pin {key}    keep a core        drive {key}  keep a Hyperdrive, both its cores
//     dial {to}    connect to HOST:PORT
//     state {key}  how much of a core it has
import Corestore from 'corestore'
import Hyperdrive from 'hyperdrive'
import { hex, obey, options, tell, unhex, until } from './lib/peer.mjs'
import { dial, hangUp, listen } from './lib/wire.mjs'

const o = options({ storage: { type: 'string' } })

const store = new Corestore(o.storage)
await store.ready()

async function pin (key) {
  const core = store.get({ key })
  await core.ready()
  core.download({ start: 0, end: -1 })
  return core
}

// The blobs core's key follows from the manifest, which comes with the first proof.
async function pinDrive (key) {
  const core = await pin(key)
  await until(() => core.manifest !== null)
  await pin(Hyperdrive.getContentKey(core.manifest, core.key))
}

obey({
  pin: async ({ key }) => { await pin(unhex(key)) },
  drive: async ({ key }) => { pinDrive(unhex(key)) },
  dial: async ({ to }) => { dial(to, (noise) => store.replicate(noise)) },
  state: async ({ key }) => {
    const core = store.get({ key: unhex(key) })
    await core.ready()
    let blocks = 0
    for (let i = 0; i < core.length; i++) {
      if (core.core.bitfield.get(i)) blocks++
    }
    return { length: core.length, fork: core.fork, blocks }
  }
}, async () => {
  await hangUp()
  await store.close()
})

tell('ready', { address: await listen((noise) => store.replicate(noise)) })
