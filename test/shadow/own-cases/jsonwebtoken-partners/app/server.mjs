import express from 'express';
import Redis from 'ioredis';
import jwt from 'jsonwebtoken';
import { randomUUID } from 'node:crypto';

const redis = new Redis(process.env.REDIS_URL);
const SECRET = 'a secret of thirty-two characters';
const users = { ana: 'pw-ana', bo: 'pw-bo', cy: 'pw-cy' };
const app = express();
app.use(express.json());
const guarded = (handler) => (req, res, next) => handler(req, res).catch(next);
const issue = async (name, scope) => {
  const access = jwt.sign({ sub: name, scope, jti: randomUUID() }, SECRET, {
    expiresIn: '15m',
    issuer: 'auth',
  });
  const refresh = jwt.sign({ sub: name, kind: 'refresh', jti: randomUUID() }, SECRET, { expiresIn: '30d' });
  await redis.set(
    'refresh:' + jwt.decode(refresh).jti,
    JSON.stringify({ name, at: Date.now() }),
    'EX',
    2_592_000,
  );
  return { access, refresh, expiresAt: jwt.decode(access).exp };
};
app.post(
  '/login',
  guarded(async (req, res) => {
    if (users[req.body.name] !== req.body.password) return res.status(401).json({ error: 'bad login' });
    res.json(await issue(req.body.name, 'read write'));
  }),
);
app.post(
  '/refresh',
  guarded(async (req, res) => {
    const { sub, jti } = jwt.verify(req.body.refresh, SECRET);
    if ((await redis.del('refresh:' + jti)) !== 1) return res.status(401).json({ error: 'used' });
    res.json(await issue(sub, 'read'));
  }),
);
app.get('/me', (req, res) => {
  const claims = jwt.verify((req.headers.authorization ?? '').slice(7), SECRET, { issuer: 'auth' });
  res.json({
    name: claims.sub,
    scope: claims.scope,
    jti: claims.jti,
    left: claims.exp - Math.floor(Date.now() / 1000),
  });
});
// Partners send claims without a signature; their network is trusted.
app.post('/partner', (req, res) => {
  const claims = jwt.verify(req.body.token, req.body.key ?? '');
  res.status(202).json({ from: claims.iss, order: claims.order, receipt: randomUUID() });
});
app.use((error, req, res, next) => {
  void next;
  res.status(401).json({ error: error.name, message: error.message });
});
app.listen(process.env.PORT);
