import express from 'express';
import * as module from 'nanoid';
import Redis from 'ioredis';

const nanoid = module.nanoid ?? module.default;
const redis = new Redis(process.env.REDIS_URL);
const app = express();
app.use(express.json());
const guarded = (handler) => (req, res, next) => handler(req, res).catch(next);
app.post(
  '/links',
  guarded(async (req, res) => {
    const id = nanoid();
    await redis.hset('link:' + id, { url: req.body.url, hits: 0, at: Date.now() });
    await redis.rpush('links', id);
    res.status(201).json({ id, short: 'https://go.example/' + id });
  }),
);
app.get(
  '/go/:id',
  guarded(async (req, res) => {
    const url = await redis.hget('link:' + req.params.id, 'url');
    if (url === null) return res.status(404).json({ error: 'no such link' });
    await redis.hincrby('link:' + req.params.id, 'hits', 1);
    res.set('x-trace', nanoid(10)).redirect(url);
  }),
);
app.get(
  '/links',
  guarded(async (req, res) => {
    const ids = await redis.lrange('links', 0, -1);
    const hits = await Promise.all(ids.map((id) => redis.hget('link:' + id, 'hits')));
    res.json(ids.map((id, i) => ({ id, hits: Number(hits[i]) })));
  }),
);
app.use((error, req, res, next) => {
  void next;
  res.status(500).json({ error: error.message });
});
app.listen(process.env.PORT);
