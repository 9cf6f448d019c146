import { FRAME_VERSION, MAX_FRAME_BYTES, frameTypes, readPayload, writePayload } from './messages.js';
import type { Frame } from './messages.js';
import { FrameError, FrameReader, FrameWriter } from './wire.js';

/** u32 length | u8 version | u8 type; the length counts what follows it. */
export const FRAME_HEADER_BYTES = 6;
export const FRAME_LENGTH_BYTES = 4;

/**
 * A whole frame as it stands on the wire.
 * @throws FrameError `range` when a value does not fit its field, `tooLarge` when the frame is over the maximum.
 */
export function encodeFrame(frame: Frame): Buffer {
  const writer = new FrameWriter();
  writer.u32(0, 'length');
  writer.u8(FRAME_VERSION, 'version');
  writer.u8(frameTypes[frame.kind], 'type');
  writePayload(writer, frame);
  const length = writer.size - FRAME_LENGTH_BYTES;
  if (length > MAX_FRAME_BYTES)
    throw new FrameError('tooLarge', `${frame.kind} frame of ${length} bytes is over ${MAX_FRAME_BYTES}`);
  writer.patchU32(0, length);
  return writer.finish();
}

/**
 * A frame from its type byte and payload. Bytes fields are views into `payload`.
 * @throws FrameError `type`, `short`, `trailing`, `bool` or `range`.
 */
export function decodePayload(type: number, payload: Uint8Array): Frame {
  const reader = new FrameReader(payload);
  const frame = readPayload(reader, type);
  reader.finish();
  return frame;
}

/**
 * The length a header announces, checked as far as the bytes at hand allow.
 * @returns bytes of the whole frame, or undefined when fewer than four bytes are there.
 */
export function frameSize(start: Buffer, maxFrameBytes = MAX_FRAME_BYTES): number | undefined {
  if (start.length < FRAME_LENGTH_BYTES) return undefined;
  const length = start.readUInt32BE(0);
  if (length > maxFrameBytes)
    throw new FrameError('tooLarge', `frame of ${length} bytes is over ${maxFrameBytes}`);
  if (length < FRAME_HEADER_BYTES - FRAME_LENGTH_BYTES)
    throw new FrameError('short', `frame of ${length} bytes has no room for its header`);
  const version = start[FRAME_LENGTH_BYTES];
  if (version !== undefined && version !== FRAME_VERSION)
    throw new FrameError('version', `frame of version ${version}, this side speaks ${FRAME_VERSION}`);
  return length + FRAME_LENGTH_BYTES;
}

/** Decodes one whole frame that starts at the first byte and ends at the last. */
export function decodeFrame(bytes: Buffer): Frame {
  const size = frameSize(bytes);
  if (size === undefined || size > bytes.length)
    throw new FrameError('short', `${bytes.length} bytes are no whole frame`);
  if (size < bytes.length) throw new FrameError('trailing', `${bytes.length - size} bytes after the frame`);
  // frameSize saw to it that the header is there.
  return decodePayload(bytes.readUInt8(FRAME_LENGTH_BYTES + 1), bytes.subarray(FRAME_HEADER_BYTES));
}
