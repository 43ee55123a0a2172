// The side process by which HyperDHT peers reach a box. A box speaks TCP; stock
// swarm code dials over UDX and finds its peers by HyperDHT. This process ends
// those connections here and hands their frames to the box over a Unix socket.
//
//     node sidecar.mjs --state DIR [--seed-file FILE] [--announce DISCOVERY-KEY]...
//         [--peers N] [--port N] [--host ADDRESS] [--public] [--bootstrap HOST:PORT]...
//
// DIR is the box's state folder. The sidecar has an address of its own in the
// DHT, a public key, which it prints; the key's seed is made on first use and kept
// in FILE (DIR/sidecar.seed when none is named). Peers that look for a feed
// by its discovery key, as Hyperswarm does, find the feeds that are announced.
// --public says that others reach this computer without hole punching.
//
// The sidecar sees what the box sees: ciphertext. It cannot pretend that a peer
// has proved a feed key: the proof covers the handshake hash, which it passes on,
// and the feed key, which it does not know.
import { readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import crypto from 'hypercore-crypto'
import ID from 'hypercore-id-encoding'
import DHT from 'hyperdht'
import Hyperswarm from 'hyperswarm'
import { hex, options, tell, unhex } from './lib/peer.mjs'
import { FrameReader, preamble, writeFrame } from './lib/frames.mjs'

const o = options({
  state: { type: 'string' },
  'seed-file': { type: 'string' },
  announce: { type: 'string', multiple: true, default: [] },
  peers: { type: 'string', default: '64' },
  port: { type: 'string', default: '0' },
  host: { type: 'string', default: '0.0.0.0' },
  public: { type: 'boolean', default: false },
  bootstrap: { type: 'string', multiple: true }
})
if (!o.state) {
  console.error('sidecar: error: --state is needed, the state folder of the box')
  process.exit(2)
}

const socketPath = path.join(o.state, 'run', 'hypercore.sock')

// Both sides notice within this time that the other is gone, in milliseconds.
const KEEP_ALIVE = 5000

// loadSeed reads the seed of the sidecar's address, or makes one.
function loadSeed (file) {
  try {
    return unhex(readFileSync(file, 'utf8').trim())
  } catch (err) {
    if (err.code !== 'ENOENT') throw err
  }
  const seed = crypto.randomBytes(32)
  writeFileSync(file, hex(seed) + '\n', { mode: 0o600, flag: 'wx' })
  return seed
}

// bridge joins a peer's connection to one to the box; each ends with the other.
// Neither side is read faster than the other takes it.
function bridge (peer) {
  const box = net.connect(socketPath)
  const frames = new FrameReader()

  box.write(preamble(peer.isInitiator, peer.handshakeHash, peer.remotePublicKey))
  peer.setKeepAlive(KEEP_ALIVE)

  peer.on('data', (frame) => {
    if (!writeFrame(box, frame)) peer.pause()
  })
  box.on('drain', () => peer.resume())

  box.on('data', (bytes) => {
    for (const frame of frames.push(bytes)) {
      if (!peer.write(frame)) box.pause()
    }
  })
  peer.on('drain', () => box.resume())

  box.on('error', (err) => tell('box', { error: err.message }))
  peer.on('error', () => {}) // it closes too
  box.on('close', () => peer.destroy())
  peer.on('close', () => box.destroy())
}

const swarm = new Hyperswarm({
  seed: loadSeed(o['seed-file'] || path.join(o.state, 'sidecar.seed')),
  dht: new DHT({
    bootstrap: o.bootstrap,
    host: o.host,
    port: Number(o.port),
    ...(o.public ? { ephemeral: false, firewalled: false } : {})
  }),
  maxPeers: Number(o.peers),
  maxServerConnections: Number(o.peers)
})
swarm.on('connection', (peer) => {
  bridge(peer)
  tell('peer', { peers: swarm.connections.size })
})

await swarm.listen()
for (const text of o.announce) {
  await swarm.join(ID.decode(text), { server: true, client: false }).flushed()
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, async () => {
    // Peers are told, but one that does not answer holds nobody up.
    setTimeout(() => process.exit(0), 2000).unref()
    await swarm.destroy()
    process.exit(0)
  })
}

tell('ready', { publicKey: hex(swarm.keyPair.publicKey), announced: o.announce.length })
