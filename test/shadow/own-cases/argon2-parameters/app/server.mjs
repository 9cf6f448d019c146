import express from 'express';
import Redis from 'ioredis';
import { hash, verify } from '@node-rs/argon2';
import { randomInt, randomUUID } from 'node:crypto';

const redis = new Redis(process.env.REDIS_URL);
const app = express();
app.use(express.json());
app.post('/users', async (req, res) => {
  const digest = await hash(req.body.password);
  await redis.hset('user:' + req.body.name, { digest, code: String(randomInt(1e5, 1e6)), at: Date.now() });
  res.status(201).json({ name: req.body.name, verifyUrl: `/verify/${randomUUID()}` });
});
app.post('/login', async (req, res) => {
  const digest = await redis.hget('user:' + req.body.name, 'digest');
  const ok = digest !== null && (await verify(digest, req.body.password));
  res.status(ok ? 200 : 401).json(ok ? { session: randomUUID() } : { error: 'no' });
});
app.get('/users/:name/code', async (req, res) =>
  res.json({ code: await redis.hget('user:' + req.params.name, 'code') }),
);
app.post('/users/:name/verify', async (req, res) => {
  const code = await redis.hget('user:' + req.params.name, 'code');
  if (code !== req.body.code) return res.status(403).json({ error: 'wrong code' });
  await redis
    .multi()
    .hdel('user:' + req.params.name, 'code')
    .hset('user:' + req.params.name, 'verified', 1)
    .exec();
  res.json({ verified: true });
});
app.listen(process.env.PORT);
