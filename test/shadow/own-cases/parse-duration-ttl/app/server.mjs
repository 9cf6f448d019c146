import Fastify from 'fastify';
import Redis from 'ioredis';
import parse from 'parse-duration';
import { randomBytes } from 'node:crypto';

const redis = new Redis(process.env.REDIS_URL);
const app = Fastify();
app.post('/links', async (req, reply) => {
  const { url, keep = '1h' } = req.body;
  const ms = parse(keep);
  if (!(ms > 0)) return reply.code(422).send({ error: 'keep' });
  const code = randomBytes(6).toString('base64url');
  await redis.set('link:' + code, url, 'PX', Math.round(ms));
  return reply.code(201).send({ code });
});
app.get('/l/:code', async (req, reply) => {
  const url = await redis.get('link:' + req.params.code);
  return url ? reply.redirect(url) : reply.code(404).send({ error: 'gone' });
});
app.get('/otp/:user', async (req) => {
  const code = String(Math.floor(Math.random() * 1e6)).padStart(6, '0');
  await redis.set('otp:' + req.params.user, code, 'EX', 120);
  return { code };
});
app.post('/otp/:user', async (req, reply) => {
  const code = await redis.getdel('otp:' + req.params.user);
  return code === req.body.code ? { ok: true } : reply.code(401).send({ ok: false });
});
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
