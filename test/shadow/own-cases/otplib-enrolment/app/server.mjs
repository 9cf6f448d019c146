import express from 'express';
import Redis from 'ioredis';
import otplib from 'otplib';
import { randomBytes } from 'node:crypto';

const { authenticator } = otplib;
const redis = new Redis(process.env.REDIS_URL);
const app = express();
app.use(express.json());
const guarded = (handler) => (req, res, next) => handler(req, res).catch(next);
app.post(
  '/enroll',
  guarded(async (req, res) => {
    const secret = authenticator.generateSecret();
    const id = randomBytes(6).toString('hex');
    await redis.hset('otp:' + id, { user: req.body.user, secret, state: 'pending' });
    res.status(201).json({
      id,
      uri: authenticator.keyuri(req.body.user, 'Shop', secret),
      code: authenticator.generate(secret),
    });
  }),
);
app.post(
  '/enroll/:id/confirm',
  guarded(async (req, res) => {
    const secret = await redis.hget('otp:' + req.params.id, 'secret');
    if (secret === null) return res.status(404).json({ error: 'no such enrolment' });
    if (!authenticator.check(String(req.body.code), secret))
      return res.status(422).json({ error: 'wrong code' });
    await redis.hset('otp:' + req.params.id, 'state', 'active');
    res.json({ active: true, left: authenticator.timeRemaining() });
  }),
);
app.get(
  '/enroll/:id',
  guarded(async (req, res) => {
    const { user, state } = await redis.hgetall('otp:' + req.params.id);
    res.json({ user, state });
  }),
);
app.use((error, req, res, next) => {
  void next;
  res.status(500).json({ error: error.message });
});
app.listen(process.env.PORT);
