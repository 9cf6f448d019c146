import cuid from 'cuid';
import express from 'express';
import Redis from 'ioredis';
import { randomBytes } from 'node:crypto';
import QRCode from 'qrcode';

const redis = new Redis(process.env.REDIS_URL);
const app = express();
app.use(express.json());

app.get('/', (req, res) => res.send('<p>tickets</p>'));
app.get('/static.svg', async (req, res) => {
  res.type('svg').send(await QRCode.toString('fixed text', { type: 'svg' }));
});
app.post('/tickets', async (req, res) => {
  const id = cuid();
  const code = randomBytes(5).toString('hex').toUpperCase();
  await redis.hset('ticket:' + id, { ...req.body, code, at: Date.now() });
  await redis.set('code:' + code, id, 'EX', 7200);
  res.status(201).location('/tickets/' + id);
  res.json({ id, code, qr: await QRCode.toDataURL('https://t.test/' + id) });
});
app.use('/tickets/:id', async (req, res, next) => {
  const id = req.params.id.replace(/\.(svg|png)$/, '');
  req.ticket = { id, ...(await redis.hgetall('ticket:' + id)) };
  if (req.ticket.code) next();
  else res.status(404).json({ error: 'no ticket' });
});
app.get('/tickets/:id.svg', async (req, res) => {
  const { id, code } = req.ticket;
  res.type('svg').send(await QRCode.toString(`https://t.test/${id}/${code}`, { type: 'svg' }));
});
app.get('/tickets/:id.png', async (req, res) => {
  res.type('png').send(await QRCode.toBuffer(req.ticket.code));
});
app.get('/tickets/:id', async (req, res) => {
  res.json({ ...req.ticket, ttl: await redis.ttl('code:' + req.ticket.code) });
});
app.post('/checkin', async (req, res) => {
  const id = await redis.getdel('code:' + req.body.code);
  if (!id) return res.status(409).json({ error: 'unknown or used', ref: cuid.slug() });
  await redis.hset('ticket:' + id, 'in', new Date().toISOString());
  res.json({ id, in: true, count: await redis.incr('in') });
});
app.listen(process.env.PORT);
