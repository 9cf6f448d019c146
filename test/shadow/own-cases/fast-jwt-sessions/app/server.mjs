import Fastify from 'fastify';
import jwt from '@fastify/jwt';
import cookie from '@fastify/cookie';
import { randomUUID } from 'node:crypto';

const app = Fastify();
app.register(cookie);
app.register(jwt, {
  secret: 'a-secret-that-is-long-enough',
  cookie: { cookieName: 'token', signed: false },
  sign: { expiresIn: '15m' },
});
const refresh = new Map();
app.post('/login', async (req, reply) => {
  const jti = randomUUID();
  const token = await reply.jwtSign({ sub: req.body.name, jti, roles: ['user'] });
  const again = randomUUID();
  refresh.set(again, req.body.name);
  reply.setCookie('token', token, { path: '/', httpOnly: true, sameSite: 'lax', maxAge: 900 });
  return { token, refresh: again, expires: new Date(Date.now() + 900e3) };
});
app.post('/refresh', async (req, reply) => {
  const name = refresh.get(req.body.refresh);
  if (!name) return reply.code(401).send({ error: 'unknown refresh token' });
  refresh.delete(req.body.refresh);
  return { token: await reply.jwtSign({ sub: name, jti: randomUUID() }, { expiresIn: '5m' }) };
});
app.get('/me', async (req) => {
  await req.jwtVerify();
  return { sub: req.user.sub, jti: req.user.jti, left: req.user.exp - Math.floor(Date.now() / 1000) };
});
app.get('/decode', async (req) => {
  const d = await req.jwtDecode();
  return { d, trace: randomUUID() };
});
app.listen({ port: Number(process.env.PORT), host: '0.0.0.0' });
