// A writer of an Autobase, or a reader of its view. Whoever comes without a key
// makes a new one, and lets others in.
//
//     node autobase.mjs --storage DIR [--key HEX] [--to HOST:PORT]... [--listen]
//
// Commands:
//
//     append {values}   write              view {length}   the view, once it is that long
//     admit {writer}    let a writer in    admitted        wait until one is let in
//     ack                       tell the others what was seen, and how much of the
//                               view all writers have signed
//     cores             the keys of all cores of the base
//     held              wait until the peer has them all
//     dial {to}   hangup
import Autobase from 'autobase'
import Corestore from 'corestore'
import { createHash } from 'node:crypto'
import { hex, obey, options, tell, unhex, until } from './lib/peer.mjs'
import { dial, hangUp, listen } from './lib/wire.mjs'

const o = options({
  storage: { type: 'string' },
  key: { type: 'string' },
  to: { type: 'string', multiple: true, default: [] },
  listen: { type: 'boolean', default: false }
})

const store = new Corestore(o.storage)
const base = new Autobase(store, unhex(o.key), {
  valueEncoding: 'json',
  ackInterval: 50,
  open: (views) => views.get('lines', { valueEncoding: 'json' }),
  apply: async (nodes, view, host) => {
    for (const { value } of nodes) {
      if (value.writer) await host.addWriter(unhex(value.writer), { indexer: true })
      else await view.append(value)
    }
  }
})
await base.ready()

async function view ({ length }) {
  await until(async () => {
    await base.update()
    return base.view.length >= length
  })
  const hash = createHash('sha256')
  for (let i = 0; i < base.view.length; i++) hash.update(JSON.stringify(await base.view.get(i)) + '\n')
  return { length: base.view.length, sha256: hash.digest('hex') }
}

// filled are the cores that have anything in them.
function filled () {
  return [...store.cores].filter((core) => core.opened && core.state.length > 0)
}

async function cores () {
  return {
    cores: filled().map((core) => ({
      key: hex(core.key),
      length: core.state.length,
      signers: core.header.manifest ? core.header.manifest.signers.length : 1
    }))
  }
}

async function held () {
  await until(() => filled().every((core) => core.replicator.peers.some((peer) =>
    peer.remoteFork === core.state.fork && peer.remoteContiguousLength >= core.state.length)))
  return cores()
}

const serve = (noise) => base.replicate(noise)

obey({
  append: async ({ values }) => {
    for (const value of values) await base.append({ value })
  },
  admit: ({ writer }) => base.append({ writer }),
  admitted: () => until(() => base.writable),
  ack: async () => {
    await base.update()
    await base.ack()
    return { length: base.view.signedLength }
  },
  view,
  cores,
  held,
  dial: async ({ to }) => { dial(to, serve) },
  hangup: hangUp
}, async () => {
  await hangUp()
  await base.close()
  await store.close()
})

for (const to of o.to) dial(to, serve)
tell('ready', { key: hex(base.key), local: hex(base.local.key), address: o.listen ? await listen(serve) : null })
