// Writes to its stores for two requests at once, step by step: neither goes on before the other has come as far.
import { createServer } from 'node:http';
import { Redis } from 'ioredis';
import { Double, Long, MongoClient } from 'mongodb';

const redis = new Redis(process.env.REDIS_URL);
const mongo = await new MongoClient(process.env.MONGO_URL).connect();
const items = mongo.db('shop').collection('items');

let waiting = [];
const together = () =>
  new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length < 2) return;
    for (const go of waiting) go();
    waiting = [];
  });

const steps = (who) => [
  () => redis.incr(`count:${who}`),
  () => redis.hset(Buffer.from(`bytes:${who}`), 'f', Buffer.alloc(70_000, who)),
  () => redis.pipeline().set(`p1:${who}`, '1').get('nothing').del(`p2:${who}`, `p3:${who}`).exec(),
  () => redis.multi().lpush(`list:${who}`, 'x').exec(),
  () => redis.eval('return redis.call("set", KEYS[1], ARGV[1])', 1, `lua:${who}`, 'argument'),
  () => redis.mset(`m1:${who}`, 'value', `m2:${who}`, 'value'),
  () => redis.publish(`news:${who}`, 'read all about it'),
  () => redis.get(`read:${who}`),
  () => items.insertOne({ _id: `new:${who}`, big: 'x'.repeat(who === 'a' ? 10 : 40_000) }),
  () => items.insertMany([{ who }, { _id: Long.fromNumber(who === 'a' ? 1 : 2) }]),
  () => items.updateOne({ _id: who === 'a' ? 7 : new Double(7.5) }, { $set: { who } }, { upsert: true }),
  () => items.findOneAndUpdate({ _id: { shelf: who } }, { $inc: { n: 1 } }, { upsert: true }),
  () => items.deleteOne({ _id: `new:${who}` }),
  () => (who === 'a' ? items.updateMany({ who }, { $set: { swept: true } }) : redis.ping()),
  () => items.find({ _id: 'read' }).toArray(),
];

const server = createServer((request, response) => {
  const who = request.url.slice(1);
  (async () => {
    for (const step of steps(who)) {
      await together();
      await step();
    }
    response.end('done');
  })().catch((error) => response.writeHead(500).end(String(error.stack)));
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
