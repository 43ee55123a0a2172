// A small HyperDHT on this computer, for tests.
import createTestnet from 'hyperdht/testnet.js'
import { obey, tell } from './lib/peer.mjs'

const testnet = await createTestnet(3)

obey({}, () => testnet.destroy())

tell('ready', { bootstrap: testnet.bootstrap.map(({ host, port }) => host + ':' + port) })
