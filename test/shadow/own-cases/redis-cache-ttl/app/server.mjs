import express from 'express';
import Redis from 'ioredis';
import { parse, toSeconds } from 'iso8601-duration';
import { randomUUID } from 'node:crypto';

const redis = new Redis(process.env.REDIS_URL);
const app = express();
app.use(express.json());
app.post('/shares', async (req, res) => {
  const id = randomUUID();
  try {
    const ttl = Math.round(toSeconds(parse(req.body.keep)));
    if (!(ttl > 0)) return res.status(422).json({ error: 'keep it for a while' });
    await redis.set(
      'share:' + id,
      JSON.stringify({ by: req.body.by, at: Date.now(), token: randomUUID() }),
      'EX',
      ttl,
    );
    await redis.zadd('shares', Date.now(), id);
    await redis.expire('shares', 86400 + Math.floor(Math.random() * 600));
    res
      .status(201)
      .location('/shares/' + id)
      .json({ id });
  } catch (error) {
    res.status(422).json({ error: error.message });
  }
});
app.get('/shares/:id', async (req, res) => {
  const share = await redis.get('share:' + req.params.id);
  if (!share) return res.status(404).json({ error: 'gone' });
  res.json({ ...JSON.parse(share), token: undefined });
});
app.get('/shares', async (req, res) => res.json({ ids: await redis.zrange('shares', 0, -1) }));
app.listen(process.env.PORT);
