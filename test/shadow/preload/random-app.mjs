// Answers with everything that time and randomness give, by every name they have.
import * as named from 'node:crypto';
import { randomBytes, randomUUID, webcrypto } from 'node:crypto';
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { ObjectId } from 'bson';

const cjs = createRequire(import.meta.url)('crypto');
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function everything() {
  const first = Date.now();
  await pause(30);
  return {
    math: [Math.random(), Math.random()],
    uuid: [randomUUID(), cjs.randomUUID(), globalThis.crypto.randomUUID(), webcrypto.randomUUID()],
    bytes: [
      randomBytes(8).toString('hex'),
      (await promisify(cjs.randomBytes)(8)).toString('hex'),
      cjs.pseudoRandomBytes(4).toString('hex'),
      Buffer.from(cjs.randomFillSync(new Uint16Array(4), 1, 2).buffer).toString('hex'),
      Buffer.from(globalThis.crypto.getRandomValues(new Uint32Array(2)).buffer).toString('hex'),
      Buffer.from(cjs.getRandomValues(new Uint8Array(4)).buffer).toString('hex'),
      (await promisify(cjs.randomFill)(Buffer.alloc(4))).toString('hex'),
    ],
    ints: [named.randomInt(1000), named.randomInt(5, 6), await promisify(cjs.randomInt)(1, 7)],
    dates: [
      Date.now(),
      new Date().getTime(),
      +new Date(Date.now()),
      Date.parse(Date()) - (Date.parse(Date()) % 1000),
    ],
    stoodStill: Date.now() === first,
    kinds: [
      new Date() instanceof Date,
      new Date(5).getTime(),
      new Date('2020-01-01').toISOString(),
      typeof Date(),
      Date.UTC(2020),
      new Date().constructor === Date,
      new (class extends Date {})(7).getTime(),
    ],
    objectIdTime: new ObjectId().getTimestamp().getTime(),
  };
}

createServer(async (req, res) => {
  const began = Date.now();
  // As generators of ids do when they have used up a millisecond.
  if (req.url === '/wait') while (Date.now() === began);
  const body = req.url === '/wait' ? { now: Date.now() } : await everything();
  res.end(JSON.stringify(body));
}).listen(0, '127.0.0.1', function () {
  process.send(this.address().port);
});
process.on('disconnect', () => process.exit());
