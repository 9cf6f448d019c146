// A small app with both stores, an upload folder and a call out: what the arms' tests run.
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import Redis from 'ioredis';
import { MongoClient } from 'mongodb';

const { MONGO_URL, REDIS_URL, PAY_URL, UPLOAD_DIR, PORT, HOST, CRASH } = process.env;
if (CRASH !== undefined) {
  console.error('this release cannot start');
  process.exit(3);
}
const redis = REDIS_URL && new Redis(REDIS_URL);
const mongo = MONGO_URL && new MongoClient(MONGO_URL);
const orders = mongo?.db().collection('orders');

const handlers = {
  async '/order'(body) {
    const id = randomUUID();
    const paid = await fetch(`${PAY_URL}/charge`, {
      method: 'POST',
      body: JSON.stringify({ order: id, amount: body.amount }),
    });
    const receipt = await paid.json();
    await orders.insertOne({ id, amount: body.amount, at: new Date(), paid: paid.status });
    await redis.hset(`order:${id}`, { amount: body.amount, receipt: receipt.id ?? 'none' });
    await redis.expire(`order:${id}`, 3600);
    return { id, receipt, random: Math.random(), at: Date.now() };
  },
  async '/upload'(body) {
    await writeFile(join(UPLOAD_DIR, body.name), body.text);
    return { stored: body.name };
  },
  async '/late'() {
    // What many apps do: answer first, write after.
    setTimeout(() => void redis.set('late', '1'), 3);
    return { later: true };
  },
  async '/count'() {
    return {
      orders: await orders.countDocuments(),
      seeded: await redis.get('seeded'),
      mongo: MONGO_URL,
      redis: REDIS_URL,
      port: PORT,
    };
  },
  async '/escape'(body) {
    const { tryEverything } = await import('./escape.mjs');
    return { tried: await tryEverything(body) };
  },
  async '/crash'() {
    setTimeout(() => process.exit(9), 5);
    return {};
  },
};

createServer(async (req, res) => {
  let text = '';
  for await (const chunk of req) text += chunk;
  try {
    const answer = await handlers[req.url](text === '' ? {} : JSON.parse(text));
    res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  } catch (error) {
    res.writeHead(500).end(String(error.stack));
  }
}).listen(PORT, HOST);
