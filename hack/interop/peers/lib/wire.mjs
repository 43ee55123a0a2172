// How a stock Hypercore peer meets a box: TCP, and Hyperswarm's secret stream in it.
import net from 'node:net'
import SecretStream from '@hyperswarm/secret-stream'
import { hex, tell } from './peer.mjs'

const open = new Set()

// dial connects to HOST:PORT and hands the secret stream to use.
export function dial (address, use, keyPair) {
  const colon = address.lastIndexOf(':')
  const socket = net.connect(Number(address.slice(colon + 1)), address.slice(0, colon))
  return secure(true, socket, use, keyPair, address)
}

// listen waits for others on a free port of this computer, and returns HOST:PORT.
export async function listen (use, keyPair) {
  const server = net.createServer((socket) => secure(false, socket, use, keyPair, 'a caller'))
  await new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return '127.0.0.1:' + server.address().port
}

function secure (initiator, socket, use, keyPair, who) {
  socket.setNoDelay(true)
  const noise = new SecretStream(initiator, socket, { keyPair })
  open.add(noise)
  noise.on('error', (err) => { noise.failure = err.message })
  noise.on('close', () => {
    open.delete(noise)
    tell('closed', { who, error: noise.failure })
  })
  noise.opened.then((ok) => {
    if (ok) tell('opened', { who, remotePublicKey: hex(noise.remotePublicKey) })
  })
  use(noise)
  return noise
}

// hangUp ends all connections.
export async function hangUp () {
  const ended = [...open].map((noise) => new Promise((resolve) => noise.once('close', resolve)))
  for (const noise of open) noise.destroy()
  await Promise.all(ended)
}
