// A Hyperdrive: its writer, or a reader who knows the drive's key alone.
//
//     node drive.mjs --storage DIR [--key HEX] [--encryption-key HEX] [--to HOST:PORT]...
//
// Commands:
//
//     put {folder}             make the drive what a folder is; returns the version
//     mirror {version,folder}  make a folder what the drive was at a version, or is now
//     dial {to}   hangup   held {peers}
import Corestore from 'corestore'
import Hyperdrive from 'hyperdrive'
import Localdrive from 'localdrive'
import { held } from './lib/cores.mjs'
import { hex, obey, options, tell, unhex, until } from './lib/peer.mjs'
import { dial, hangUp } from './lib/wire.mjs'

const o = options({
  storage: { type: 'string' },
  key: { type: 'string' },
  'encryption-key': { type: 'string' },
  to: { type: 'string', multiple: true, default: [] }
})

const store = new Corestore(o.storage)
const drive = new Hyperdrive(store, unhex(o.key), { encryptionKey: unhex(o['encryption-key']) })
await drive.ready()

async function put ({ folder }) {
  const mirror = new Localdrive(folder).mirror(drive, { batch: true })
  await mirror.done()
  return { version: drive.version, count: mirror.count, blobs: hex(drive.contentKey) }
}

async function mirror ({ version, folder }) {
  await until(async () => {
    await drive.update({ wait: true })
    return drive.version >= (version || 2) // a drive's first block is its header
  })
  const then = version ? drive.checkout(version) : drive
  const mirror = then.mirror(new Localdrive(folder))
  await mirror.done()
  if (version) await then.close()
  return { version: drive.version, count: mirror.count }
}

obey({
  put,
  mirror,
  held: async ({ peers = 1 }) => {
    await held(drive.core, null, peers)
    await held(drive.blobs.core, null, peers)
    return { version: drive.version, blobsLength: drive.blobs.core.length }
  },
  dial: async ({ to }) => { dial(to, (noise) => store.replicate(noise)) },
  hangup: hangUp
}, async () => {
  await hangUp()
  await store.close()
})

for (const to of o.to) dial(to, (noise) => store.replicate(noise))
tell('ready', { key: hex(drive.key) })
