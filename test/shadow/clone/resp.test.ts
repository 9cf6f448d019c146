import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RespReader, encodeCommands, type RespReply } from '../../../shadow/clone/resp.js';

const bytes = fc.uint8Array({ maxLength: 600 }).map((array) => Buffer.from(array));

/** A reply as a server writes it. */
function written(reply: RespReply): Buffer {
  if (reply === null) return Buffer.from('$-1\r\n');
  if (typeof reply === 'string') return Buffer.from(`+${reply}\r\n`);
  if (typeof reply === 'number') return Buffer.from(`:${reply}\r\n`);
  if (reply instanceof Error) return Buffer.from(`-${reply.message}\r\n`);
  if (Buffer.isBuffer(reply))
    return Buffer.concat([Buffer.from(`$${reply.length}\r\n`), reply, Buffer.from('\r\n')]);
  const items = reply;
  return Buffer.concat([Buffer.from(`*${items.length}\r\n`), ...items.map(written)]);
}

const { reply } = fc.letrec<{ reply: RespReply }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.stringMatching(/^[A-Z]{0,9}$/),
    fc.maxSafeInteger(),
    bytes,
    fc.stringMatching(/^ERR [a-z ]{0,9}$/).map((text) => new Error(text)),
    fc.array(tie('reply'), { maxLength: 5 }),
  ),
}));

describe('the protocol of Redis', () => {
  it('gives the replies that were written, however their bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(reply, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 700 })),
        (replies, cuts) => {
          const whole = Buffer.concat(replies.map(written));
          const reader = new RespReader();
          const read: RespReply[] = [];
          let at = 0;
          for (const cut of cuts) {
            read.push(...reader.read(whole.subarray(at, at + cut)));
            at += Math.min(cut, whole.length - at);
          }
          read.push(...reader.read(whole.subarray(at)));
          expect(read).toEqual(replies);
        },
      ),
    );
  });

  it('writes commands as lists of bulk strings, short and long, of any bytes', () => {
    const argument = fc.oneof(bytes, fc.stringMatching(/^[A-Z]{0,9}$/), fc.nat());
    fc.assert(
      fc.property(
        fc.array(fc.array(argument, { minLength: 1, maxLength: 5 }), { maxLength: 5 }),
        (commands) => {
          const asBytes = commands.map((command) =>
            command.map((one) => (Buffer.isBuffer(one) ? one : Buffer.from(String(one)))),
          );
          expect(Buffer.concat(encodeCommands(commands))).toEqual(Buffer.concat(asBytes.map(written)));
        },
      ),
    );
  });

  it('is told from what is none', () => {
    expect(() => new RespReader().read(Buffer.from('HTTP/1.1 400 Bad Request\r\n'))).toThrow(/no reply/);
  });
});
