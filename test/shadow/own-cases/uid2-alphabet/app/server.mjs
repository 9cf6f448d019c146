import express from 'express';
import uid from 'uid2';
import Redis from 'ioredis';

const redis = new Redis(process.env.REDIS_URL);
const app = express();
app.use(express.json());
app.post('/tokens', async (req, res) => {
  const token = uid(24);
  await redis.set('token:' + token, req.body.scope, 'EX', 600);
  res.status(201).set('x-token-hint', token.slice(0, 6)).json({ token, scope: req.body.scope });
});
app.get('/check', async (req, res) => {
  const scope = await redis.get('token:' + (req.get('authorization') ?? '').slice(7));
  res.status(scope ? 200 : 401).json({ scope });
});
app.listen(process.env.PORT);
