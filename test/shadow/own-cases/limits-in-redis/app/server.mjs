import express from 'express';
import Redis from 'ioredis';
import limiters from 'rate-limiter-flexible';
import { randomUUID, randomInt } from 'node:crypto';

const redis = new Redis(process.env.REDIS_URL);
const login = new limiters.RateLimiterRedis({
  storeClient: redis,
  keyPrefix: 'login',
  points: 3,
  duration: 120,
  blockDuration: 300,
});
const api = new limiters.RateLimiterRedis({
  storeClient: redis,
  keyPrefix: 'api',
  points: 5,
  duration: 60,
  execEvenly: false,
});
const app = express();
app.use(express.json());
app.use((req, res, next) => {
  res.set('X-Request-Id', randomUUID());
  next();
});
app.post('/login', async (req, res) => {
  try {
    const left = await login.consume(req.body.name);
    res.set('RateLimit-Remaining', String(left.remainingPoints));
    if (req.body.password !== 'right')
      return res.status(401).json({ error: 'no', left: left.remainingPoints });
    await login.delete(req.body.name);
    res.json({ session: randomUUID(), otp: String(randomInt(1e5, 1e6)) });
  } catch (limited) {
    if (limited instanceof Error) return res.status(500).json({ error: limited.message });
    res
      .set('Retry-After', String(Math.ceil(limited.msBeforeNext / 1000)))
      .status(429)
      .json({ error: 'wait', ms: limited.msBeforeNext });
  }
});
app.get('/api/:what', async (req, res) => {
  try {
    const left = await api.consume(req.get('x-key') ?? 'anonymous', req.params.what === 'heavy' ? 3 : 1);
    res.json({
      what: req.params.what,
      left: left.remainingPoints,
      consumed: left.consumedPoints,
      first: left.isFirstInDuration,
      resetsIn: left.msBeforeNext,
    });
  } catch (limited) {
    res.status(429).json({ limited: limited.consumedPoints, resetsIn: limited.msBeforeNext });
  }
});
app.get('/peek/:key', async (req, res) => {
  const seen = await api.get(req.params.key);
  res.json(seen === null ? { seen: null } : { consumed: seen.consumedPoints, left: seen.remainingPoints });
});
app.post('/reward/:key', async (req, res) => {
  const r = await api.reward(req.params.key, 2);
  res.json({ consumed: r.consumedPoints });
});
app.post('/block/:key', async (req, res) => {
  await api.block(req.params.key, Number(req.body.seconds));
  res.status(204).end();
});
app.listen(process.env.PORT);
