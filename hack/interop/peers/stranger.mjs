// A stranger who knows the discovery key of a feed, which is no secret, but not
// the feed key. It asks for the feed and prints what comes back, as bytes.
//
//     node stranger.mjs --to HOST:PORT
//
// Command: probe {discoveryKey}
import { randomBytes } from 'node:crypto'
import c from 'compact-encoding'
import { hex, obey, options, tell, unhex } from './lib/peer.mjs'
import { dial } from './lib/wire.mjs'

const o = options({ to: { type: 'string' } })

// How long it listens after the last answer, in milliseconds.
const PATIENCE = 400

const PROTOCOL = 'hypercore/alpha'

// An open of channel 1 as Protomux writes it, with a capability that proves nothing.
function open (discoveryKey) {
  const state = { start: 0, end: 0, buffer: null }
  const parts = [
    [c.uint, 0],
    [c.uint, 1],
    [c.uint, 1],
    [c.string, PROTOCOL],
    [c.buffer, discoveryKey],
    [c.uint, 0],
    [c.fixed32, randomBytes(32)]
  ]
  for (const [encoding, value] of parts) encoding.preencode(state, value)
  state.buffer = Buffer.alloc(state.end)
  for (const [encoding, value] of parts) encoding.encode(state, value)
  return state.buffer
}

function probe ({ discoveryKey }) {
  return new Promise((resolve) => {
    const frames = []
    let closed = false
    let timer = null
    const noise = dial(o.to, () => {})
    const finish = () => {
      clearTimeout(timer)
      resolve({ frames, closed })
      noise.destroy()
    }
    const wait = () => {
      clearTimeout(timer)
      timer = setTimeout(finish, PATIENCE)
    }
    noise.on('data', (frame) => {
      if (frame.length > 0) frames.push(hex(frame))
      wait()
    })
    noise.on('close', () => {
      closed = true
      finish()
    })
    noise.opened.then(() => {
      noise.write(open(unhex(discoveryKey)))
      wait()
    })
  })
}

obey({ probe })
tell('ready')
