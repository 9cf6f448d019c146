import express from 'express';
import bcrypt from 'bcryptjs';
import jwt from 'jsonwebtoken';
import Redis from 'ioredis';
import { randomUUID } from 'node:crypto';

const redis = new Redis(process.env.REDIS_URL);
const app = express();
const SECRET = 'not-a-secret';
app.use(express.json());

app.post('/accounts', async (req, res) => {
  const { email, password } = req.body;
  if (!email || !password) return res.status(422).json({ error: 'email and password' });
  const id = randomUUID();
  await redis.hset('account:' + email, { id, email, hash: await bcrypt.hash(password, 4), at: Date.now() });
  res.status(201).json({ id, email });
});
app.post('/login', async (req, res) => {
  const account = await redis.hgetall('account:' + req.body.email);
  if (!account.id || !(await bcrypt.compare(req.body.password ?? '', account.hash)))
    return res.status(401).json({ error: 'wrong' });
  const jti = randomUUID();
  await redis.set('grant:' + jti, account.email, 'EX', 900);
  res.json({ token: jwt.sign({ sub: account.id, jti }, SECRET, { expiresIn: '15m' }), tokenType: 'Bearer' });
});
app.get('/me', async (req, res) => {
  try {
    const claims = jwt.verify((req.get('authorization') ?? '').replace('Bearer ', ''), SECRET);
    const email = await redis.get('grant:' + claims.jti);
    if (!email) return res.status(401).json({ error: 'revoked' });
    res.json({ id: claims.sub, email, validFor: claims.exp - claims.iat });
  } catch (error) {
    res.status(401).json({ error: error.message });
  }
});
app.post('/logout', async (req, res) => {
  const claims = jwt.decode((req.get('authorization') ?? '').replace('Bearer ', ''));
  if (claims) await redis.del('grant:' + claims.jti);
  res.status(204).end();
});
app.post('/password', async (req, res) => {
  const account = await redis.hgetall('account:' + req.body.email);
  if (!account.id) return res.status(404).json({ error: 'no account' });
  if (!(await bcrypt.compare(req.body.from ?? '', account.hash)))
    return res.status(403).json({ error: 'wrong' });
  await redis.hset('account:' + req.body.email, 'hash', await bcrypt.hash(req.body.to, 4));
  res.json({ changed: true });
});
app.get('/rounds/:email', async (req, res) => {
  const hash = await redis.hget('account:' + req.params.email, 'hash');
  res.json({ rounds: hash ? bcrypt.getRounds(hash) : null });
});
app.listen(process.env.PORT);
