import Fastify from 'fastify';
import cookie from '@fastify/cookie';
import { randomUUID } from 'node:crypto';

const app = Fastify({ genReqId: () => randomUUID() });
await app.register(cookie, { secret: 'sixteen-characters' });
app.addHook('onSend', async (req, reply) => {
  reply.header('x-request-id', req.id);
});
app.get('/search', async (req) => ({ query: req.query, took: performance.now() }));
app.get('/item/:id', async (req) => ({ params: req.params, query: req.query }));
app.post('/echo', async (req) => ({ body: req.body ?? null, type: req.headers['content-type'] ?? null }));
app.delete('/item/:id', async (req, reply) => reply.code(204).send());
app.get('/visit', async (req, reply) => {
  const last = req.cookies.visit ? reply.unsignCookie(req.cookies.visit) : { valid: false, value: null };
  reply.setCookie('visit', randomUUID(), {
    signed: true,
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    maxAge: 3600,
  });
  return { known: last.valid, last: last.value };
});
app.get('/fail', async () => {
  throw Object.assign(new Error('broken ' + randomUUID()), { statusCode: 418 });
});
app.get('/go', async (req, reply) => reply.redirect('/item/' + randomUUID()));
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
