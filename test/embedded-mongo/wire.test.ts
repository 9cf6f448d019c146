import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { deserialize, serialize } from 'bson';
import { UUID } from 'mongodb';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc32c } from '../../common/stores/embedded-mongo/wire/crc32c.js';
import { MessageSplitter, ProtocolError } from '../../common/stores/embedded-mongo/wire/message.js';
import { startTestMongo, type TestMongo } from './harness.js';

let mongo: TestMongo;
let port: number;
beforeAll(async () => {
  mongo = await startTestMongo();
  port = Number(new URL(mongo.uri).port);
});
afterAll(async () => {
  await mongo.close();
});

interface Sections {
  readonly body: object;
  readonly sequence?: readonly [string, readonly object[]];
  readonly flags?: number;
}

function message(opCode: number, payload: Buffer, requestId = 7): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(16 + payload.length, 0);
  header.writeInt32LE(requestId, 4);
  header.writeInt32LE(opCode, 12);
  return Buffer.concat([header, payload]);
}

function opMsg({ body, sequence, flags = 0 }: Sections): Buffer {
  const flagBytes = Buffer.alloc(4);
  flagBytes.writeUInt32LE(flags);
  const parts = [flagBytes, Buffer.from([0]), Buffer.from(serialize(body))];
  if (sequence !== undefined) {
    const docs = Buffer.concat([
      Buffer.from(`${sequence[0]}\0`),
      ...sequence[1].map((doc) => serialize(doc)),
    ]);
    const size = Buffer.alloc(4);
    size.writeInt32LE(docs.length + 4);
    parts.push(Buffer.from([1]), size, docs);
  }
  const payload = Buffer.concat(parts);
  if ((flags & 1) === 0) return message(2013, payload);
  const whole = message(2013, Buffer.concat([payload, Buffer.alloc(4)]));
  whole.writeUInt32LE(crc32c(whole.subarray(0, -4)), whole.length - 4);
  return whole;
}

async function open(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

async function reply(socket: Socket): Promise<{ responseTo: number; doc: Record<string, unknown> }> {
  const splitter = new MessageSplitter();
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    splitter.push(chunk);
    const whole = splitter.next();
    if (whole === undefined) continue;
    const bodyAt = whole.readInt32LE(12) === 1 ? 36 : 21;
    return { responseTo: whole.readInt32LE(8), doc: deserialize(whole.subarray(bodyAt)) };
  }
}

describe('OP_MSG', () => {
  it('takes document sequences, checksums and unacknowledged writes', async () => {
    const socket = await open();
    socket.write(
      opMsg({
        body: { insert: 'raw', $db: 'test' },
        sequence: ['documents', [{ _id: 1 }, { _id: 2 }]],
        flags: 1,
      }),
    );
    expect(await reply(socket)).toMatchObject({ responseTo: 7, doc: { n: 2, ok: 1 } });
    socket.write(
      opMsg({
        body: { insert: 'raw', documents: [{ _id: 3 }], $db: 'test', writeConcern: { w: 0 } },
        flags: 2,
      }),
    );
    socket.write(opMsg({ body: { count: 'raw', $db: 'test' } }));
    expect((await reply(socket)).doc).toMatchObject({ n: 3, ok: 1 });
    socket.destroy();
  });

  it('answers unknown commands and fields, never with silence', async () => {
    const socket = await open();
    for (const [body, code] of [
      [{ frobnicate: 1, $db: 'test' }, 59],
      [{ find: 'x', frob: 1, $db: 'test' }, 40415],
      [{ find: 'x' }, 40571],
      [{ find: 'x', $db: 'a.b' }, 73],
      [{ find: 'x', $db: 'test', filter: { $frob: 1 } }, 2],
      [{ insert: 'x', documents: [{}], $db: 'test', writeConcern: { w: 3 } }, 2],
    ] as const) {
      socket.write(opMsg({ body }));
      expect((await reply(socket)).doc).toMatchObject({ ok: 0, code });
    }
    socket.destroy();
  });

  it('answers several requests of one connection in their order', async () => {
    const socket = await open();
    const splitter = new MessageSplitter();
    socket.write(
      Buffer.concat(
        [1, 2, 3].map((n) => opMsg({ body: { insert: 'many', documents: [{ n }], $db: 'test' } })),
      ),
    );
    let replies = 0;
    while (replies < 3) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      splitter.push(chunk);
      while (splitter.next() !== undefined) replies += 1;
    }
    socket.destroy();
    expect((await mongo.db.collection('many').find().toArray()).map(({ n }) => n as number)).toEqual([
      1, 2, 3,
    ]);
  });

  it.each<[string, () => Buffer]>([
    ['a length below a header', () => Buffer.from([4, 0, 0, 0, ...Buffer.alloc(12)])],
    ['a length beyond all measure', () => Buffer.from([0, 0, 0, 0x70, ...Buffer.alloc(12)])],
    ['an unknown opcode', () => message(2012, Buffer.alloc(16))],
    ['unknown required flags', () => opMsg({ body: { ping: 1, $db: 'a' }, flags: 4 })],
    ['no body', () => message(2013, Buffer.alloc(4))],
    [
      'a wrong checksum',
      () => {
        const whole = opMsg({ body: { ping: 1, $db: 'a' }, flags: 1 });
        whole.writeUInt32LE(1, whole.length - 4);
        return whole;
      },
    ],
  ])('ends the connection on %s, and serves others on', async (_name, bytes) => {
    const socket = await open();
    socket.write(bytes());
    await once(socket, 'close');
    expect(await mongo.db.command({ ping: 1 })).toEqual({ ok: 1 });
  });

  it('answers broken BSON as an error of the client', async () => {
    const socket = await open();
    const broken = opMsg({ body: { ping: 1, $db: 'test' } });
    broken[25] = 0x55; // the type of the first element
    socket.write(broken);
    expect((await reply(socket)).doc).toMatchObject({ ok: 0, code: 22 });
    socket.destroy();
  });
});

describe('OP_QUERY', () => {
  it('answers the handshake of old drivers', async () => {
    const socket = await open();
    const head = Buffer.concat([Buffer.alloc(4), Buffer.from('admin.$cmd\0'), Buffer.alloc(8)]);
    socket.write(
      message(2004, Buffer.concat([head, Buffer.from(serialize({ isMaster: 1, helloOk: true }))])),
    );
    expect((await reply(socket)).doc).toMatchObject({ ismaster: true, helloOk: true, ok: 1 });
    socket.destroy();
  });
});

describe('MessageSplitter', () => {
  it('finds the same messages however the bytes are cut', () => {
    const messages = [opMsg({ body: { a: 1 } }), opMsg({ body: { b: 'x'.repeat(50) } }), opMsg({ body: {} })];
    const bytes = Buffer.concat(messages);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: bytes.length })), (cuts) => {
        const splitter = new MessageSplitter();
        const found: Buffer[] = [];
        let start = 0;
        for (const end of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
          splitter.push(bytes.subarray(start, end));
          start = Math.max(start, end);
          for (let next = splitter.next(); next !== undefined; next = splitter.next()) found.push(next);
        }
        expect(found).toEqual(messages);
      }),
    );
  });

  it('refuses lengths that cannot be', () => {
    const splitter = new MessageSplitter();
    splitter.push(Buffer.alloc(16));
    expect(() => splitter.next()).toThrow(ProtocolError);
  });
});

describe('sessions', () => {
  it('do a retried write once, and remember it over a restart', async () => {
    const lsid = { id: new UUID() };
    const insert = { insert: 'retried', documents: [{ n: 1 }], lsid, txnNumber: 5 };
    const own = await startTestMongo();
    let current = own;
    try {
      const send = async (command: object): Promise<Record<string, unknown>> => {
        const socket = connect(Number(new URL(current.uri).port), '127.0.0.1');
        socket.write(opMsg({ body: { ...command, $db: 'test' } }));
        const { doc } = await reply(socket);
        socket.destroy();
        return doc;
      };
      expect(await send(insert)).toMatchObject({ n: 1, ok: 1 });
      expect(await send(insert)).toMatchObject({ n: 1, retriedStmtIds: [0] });
      current = await current.restart();
      expect(await send(insert)).toMatchObject({ n: 1, retriedStmtIds: [0] });
      expect(await current.client.db('test').collection('retried').countDocuments()).toBe(1);
      expect(await send({ ...insert, txnNumber: 4 })).toMatchObject({ ok: 0, code: 225 });
      const increment = {
        findAndModify: 'retried',
        query: {},
        update: { $inc: { n: 1 } },
        new: true,
        lsid,
        txnNumber: 6,
      };
      expect(await send(increment)).toMatchObject({ value: { n: 2 } });
      expect(await send(increment)).toMatchObject({ value: { n: 2 }, retriedStmtId: 0 });
    } finally {
      await current.close();
    }
  });

  it('refuse transactions as a standalone server does', async () => {
    const session = mongo.client.startSession();
    session.startTransaction();
    await expect(mongo.db.collection('t').insertOne({}, { session })).rejects.toMatchObject({
      originalError: { code: 20, codeName: 'IllegalOperation' },
    });
    await session.endSession({ force: true });
  });
});
