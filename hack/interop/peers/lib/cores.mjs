// Cores of both generations, opened in the same way: Hypercore 10 and 11 keep
// them differently on disk but speak the same protocol.
import crypto from 'hypercore-crypto'
import Hypercore11 from 'hypercore'
import Hypercore10 from 'hypercore10'
import { unhex, until } from './peer.mjs'

const generations = { 10: Hypercore10, 11: Hypercore11 }

// seeded returns the key pair number n of a peer.
export function seeded (seed, n = 0) {
  return crypto.keyPair(crypto.hash([Buffer.from('cobox-interop'), Buffer.from(seed), Buffer.from([n])]))
}

// openOwn opens the core that a writer writes.
//   compat   as Hypercore 10 makes them when it is asked for nothing else: no manifest
//   signers  how many sign together; more than one needs the append and truncate below
export async function openOwn (folder, { generation, seed, compat, signers, encryptionKey }) {
  const Hypercore = generations[generation]
  const keyPairs = Array.from({ length: signers }, (_, n) => seeded(seed, n))
  const manifest = {
    version: 1,
    quorum: quorum(signers),
    signers: keyPairs.map(({ publicKey }) => ({ signature: 'ed25519', publicKey }))
  }
  const core = new Hypercore(folder, null, {
    keyPair: keyPairs[0],
    ...(compat ? { compat: true } : { compat: false, manifest }),
    ...encryption(generation, encryptionKey)
  })
  await core.ready()
  return { core, keyPairs }
}

// quorum is Hypercore's default: more than half.
export function quorum (signers) {
  return Math.floor(signers / 2) + 1
}

// openOther opens a core by its key, to read it.
export async function openOther (folder, { generation, key, encryptionKey }) {
  const core = new generations[generation](folder, unhex(key), encryption(generation, encryptionKey))
  await core.ready()
  return core
}

function encryption (generation, key) {
  if (!key) return {}
  return generation === 10 ? { encryptionKey: unhex(key) } : { encryption: { key: unhex(key) } }
}

// held waits until every peer has told that it has all blocks, or all of a list.
// That is what a writer may rely on before it leaves.
export async function held (core, blocks = null, peers = 1) {
  await until(() => {
    const there = core.peers.filter((peer) => peer.remoteFork === core.fork)
    if (there.length < peers) return false
    return there.every((peer) => holds(peer, core.length, blocks))
  })
}

function holds (peer, length, blocks) {
  if (blocks === null) return peer.remoteContiguousLength >= length
  return blocks.every((i) => i < peer.remoteContiguousLength || peer.remoteBitfield.get(i))
}

// multiSign appends blocks to a core, or truncates it, that several signers sign
// together. Hypercore leaves it to the application to bring the signatures
// together: the change is drafted, signed by as many as it takes, and committed.
export async function multiSign ({ core, keyPairs }, { append, truncate }) {
  if (truncate !== undefined) {
    const fork = core.fork + 1
    const signature = together(core, keyPairs, await core.signable(truncate, fork))
    await core.truncate(truncate, { fork, signature })
    return
  }
  const draft = core.session({ name: 'draft', overwrite: true })
  await draft.append(append)
  const signature = together(core, keyPairs, await draft.signable())
  await core.commit(draft, { signature })
  await draft.close()
}

// The last of them sign, so that it is not always the first one who does.
function together (core, keyPairs, signable) {
  const signers = keyPairs.map((_, signer) => signer).slice(-quorum(keyPairs.length))
  const proofs = signers.map((signer) => ({
    signer,
    signature: crypto.sign(signable, keyPairs[signer].secretKey),
    patch: 0,
    nodes: null
  }))
  return core.core.verifier.assemble(proofs)
}
