import Fastify from 'fastify';
import axios from 'axios';
import { randomUUID } from 'node:crypto';

const app = Fastify();
const partner = axios.create({
  baseURL: process.env.OUTBOUND_URL,
  timeout: 5000,
  headers: { 'user-agent': 'shop/1' },
});
app.post('/search', async (req) => {
  const { data } = await partner.get('/search', { params: req.body, headers: { 'x-trace': randomUUID() } });
  return { ok: data.ok };
});
app.post('/order', async (req) => {
  const { status } = await partner.post('/orders', {
    ...req.body,
    ref: randomUUID(),
    at: new Date().toISOString(),
  });
  return { status };
});
app.post('/form', async (req) => {
  const { status } = await partner.post('/form', new URLSearchParams(req.body));
  return { status };
});
app.delete('/order/:id', async (req) => ({
  status: (await partner.delete('/orders/' + req.params.id, { data: { why: 'client' } })).status,
}));
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
