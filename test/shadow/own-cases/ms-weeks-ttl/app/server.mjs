import express from 'express';
import Redis from 'ioredis';
import ms from 'ms';
import { randomUUID } from 'node:crypto';

const redis = new Redis(process.env.REDIS_URL);
const app = express();
app.use(express.json());
const guarded = (handler) => (req, res, next) => handler(req, res).catch(next);
const secondsOf = (text) => Math.ceil((ms(text) ?? 86_400_000) / 1000);
app.post(
  '/invites',
  guarded(async (req, res) => {
    const id = randomUUID();
    await redis.set(
      'invite:' + id,
      JSON.stringify({ by: req.body.by, at: Date.now() }),
      'EX',
      secondsOf(req.body.for),
    );
    await redis.zadd('invites', Date.now(), id);
    res
      .status(201)
      .location('/invites/' + id)
      .json({ id });
  }),
);
app.get(
  '/invites/:id',
  guarded(async (req, res) => {
    const invite = await redis.get('invite:' + req.params.id);
    if (invite === null) return res.status(404).json({ error: 'expired' });
    res.json({ id: req.params.id, ...JSON.parse(invite) });
  }),
);
app.post(
  '/invites/:id/extend',
  guarded(async (req, res) => {
    const known = await redis.expire('invite:' + req.params.id, secondsOf(req.body.for));
    res.status(known ? 204 : 404).end();
  }),
);
app.post(
  '/locks/:name',
  guarded(async (req, res) => {
    const token = randomUUID();
    const got = await redis.set('lock:' + req.params.name, token, 'EX', secondsOf(req.body.for), 'NX');
    res.status(got ? 201 : 409).json(got ? { token } : { error: 'locked' });
  }),
);
app.post(
  '/carts/:id/items',
  guarded(async (req, res) => {
    const key = 'cart:' + req.params.id;
    await redis.multi().hset(key, req.body.sku, req.body.count).expire(key, secondsOf('2h')).exec();
    res.json(await redis.hgetall(key));
  }),
);
app.use((error, req, res, next) => {
  void next;
  res.status(500).json({ error: error.message });
});
app.listen(process.env.PORT);
