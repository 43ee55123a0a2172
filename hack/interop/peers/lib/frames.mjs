// Frames between the sidecar and a box, over a Unix socket that only they can
// open: first a preamble that says who the peer is, then Protomux frames both
// ways, each after its length in 24 bits, little-endian. They are not encrypted.

// preamble is how the peer's connection was secured. The peer's proof that it
// knows a feed key is bound to the handshake hash.
export function preamble (isInitiator, handshakeHash, remotePublicKey) {
  return Buffer.concat([Buffer.from([isInitiator ? 1 : 0]), handshakeHash, remotePublicKey])
}

// writeFrame writes a frame, and returns false when the other side is slow.
export function writeFrame (socket, frame) {
  const length = Buffer.alloc(3)
  length.writeUIntLE(frame.length, 0, 3)
  socket.cork()
  socket.write(length)
  const fast = socket.write(frame)
  socket.uncork()
  return fast
}

// A FrameReader finds the frames in pieces of a stream.
export class FrameReader {
  constructor () {
    this.pieces = []
    this.bytes = 0
    this.wanted = 3
    this.inFrame = false
  }

  // push takes the next piece and returns the frames that are complete with it.
  push (piece) {
    const frames = []
    this.pieces.push(piece)
    this.bytes += piece.length
    while (this.bytes >= this.wanted) {
      const bytes = this.take(this.wanted)
      if (this.inFrame) frames.push(bytes)
      this.wanted = this.inFrame ? 3 : bytes.readUIntLE(0, 3)
      this.inFrame = !this.inFrame
    }
    return frames
  }

  // take joins pieces once per frame, however many pieces a long frame comes in.
  take (n) {
    const all = this.pieces.length === 1 ? this.pieces[0] : Buffer.concat(this.pieces, this.bytes)
    const rest = all.subarray(n)
    this.pieces = rest.length > 0 ? [rest] : []
    this.bytes -= n
    return all.subarray(0, n)
  }
}
