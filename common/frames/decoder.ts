import { FRAME_HEADER_BYTES, FRAME_LENGTH_BYTES, decodePayload, frameSize } from './codec.js';
import { MAX_FRAME_BYTES } from './messages.js';
import type { Frame } from './messages.js';
import { FrameError } from './wire.js';

/**
 * Cuts a stream of bytes into frames, whatever its chunks are.
 *
 * A frame that lies within one chunk is decoded in place: its bytes fields are views into the chunk, so whoever keeps
 * one for long keeps the chunk and had better copy. A frame over several chunks is put together once. Memory is bounded
 * by what has arrived of one frame, never by what a header claims.
 */
export class FrameDecoder {
  readonly #maxFrameBytes: number;
  #chunks: Buffer[] = [];
  #pending = 0;
  /** Bytes needed before another look makes sense. */
  #wanted = FRAME_LENGTH_BYTES;
  #failure: FrameError | undefined;

  constructor(options: { readonly maxFrameBytes?: number } = {}) {
    this.#maxFrameBytes = options.maxFrameBytes ?? MAX_FRAME_BYTES;
  }

  /** Bytes that wait for the rest of their frame. */
  get pendingBytes(): number {
    return this.#pending;
  }

  /**
   * The frames that `chunk` completes, in order.
   * @throws FrameError when the stream is no frames; nothing can be read from it afterwards, and further calls throw the
   *   same. Frames of this chunk before the bad one are lost with it: a peer that breaks the protocol is cut off.
   */
  push(chunk: Uint8Array): Frame[] {
    if (this.#failure) throw this.#failure;
    try {
      return this.#push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    } catch (error) {
      if (error instanceof FrameError) this.#failure = error;
      this.#chunks = [];
      this.#pending = 0;
      throw error;
    }
  }

  /** The stream has ended. @throws FrameError `short` when it ended inside a frame. */
  end(): void {
    if (this.#failure) throw this.#failure;
    if (this.#pending > 0)
      throw new FrameError('short', `stream ended inside a frame, ${this.#pending} bytes of it had come`);
  }

  #push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#pending += chunk.length;
    const frames: Frame[] = [];
    while (this.#pending >= this.#wanted) {
      const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#pending);
      const used = this.#decodeAll(bytes, frames);
      const rest = bytes.subarray(used);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#pending = rest.length;
      this.#wanted = frameSize(rest, this.#maxFrameBytes) ?? FRAME_LENGTH_BYTES;
    }
    return frames;
  }

  /** Decodes every whole frame in `bytes`; returns how many bytes they took. */
  #decodeAll(bytes: Buffer, frames: Frame[]): number {
    let at = 0;
    for (;;) {
      const size = frameSize(bytes.subarray(at, at + FRAME_HEADER_BYTES), this.#maxFrameBytes);
      if (size === undefined || size > bytes.length - at) return at;
      const payload = bytes.subarray(at + FRAME_HEADER_BYTES, at + size);
      frames.push(decodePayload(bytes.readUInt8(at + FRAME_HEADER_BYTES - 1), payload));
      at += size;
    }
  }
}
