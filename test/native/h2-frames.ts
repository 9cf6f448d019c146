import type { Socket } from 'node:net';
import { open } from './proxy-harness.js';

/** Frame types of RFC 9113 6. */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const flag = { endStream: 1, ack: 1, endHeaders: 4 } as const;
export const errorCode = { none: 0, protocol: 1, internal: 2, cancel: 8, calm: 11 } as const;

export interface H2Frame {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** One literal field without indexing (RFC 7541 6.2.2), both strings shorter than 127 bytes. */
export const field = (name: string, value: string): Buffer =>
  Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);

/** GET / in a header block. */
export const getBlock = Buffer.concat([
  Buffer.from([0x82, 0x84, 0x86]), // :method GET, :path /, :scheme http
  field(':authority', 'test'),
]);

export const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(frameType.settings, 0, 0),
]);

/** A connection on which the test writes frames itself; it has sent its preface. */
export async function openH2(port: number): Promise<Socket & { frames: () => H2Frame[] }> {
  const socket = await open(port);
  let bytes = Buffer.alloc(0);
  const frames: H2Frame[] = [];
  socket.on('data', (d: Buffer) => {
    bytes = Buffer.concat([bytes, d]);
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const size = bytes.readUIntBE(0, 3);
      frames.push({
        type: bytes.readUInt8(3),
        flags: bytes.readUInt8(4),
        stream: bytes.readUInt32BE(5),
        payload: bytes.subarray(9, 9 + size),
      });
      bytes = bytes.subarray(9 + size);
    }
  });
  socket.write(preface);
  return Object.assign(socket, { frames: () => frames });
}
