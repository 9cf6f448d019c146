import express from 'express';
import pino from 'pino';
import { randomUUID } from 'node:crypto';

const log = pino({ name: 'shop' }, pino.destination({ dest: './app.log', sync: true }));
const app = express();
app.use(express.json());
app.use((req, res, next) => {
  req.id = randomUUID();
  next();
});
app.post('/orders', (req, res) => {
  log.info({ reqId: req.id, sku: req.body.sku }, 'order of %s', req.body.sku);
  res.status(201).json({ id: req.id });
});
app.post('/fail', (req, res) => {
  const error = new Error('card refused');
  error.stack = 'Error: card refused';
  log.error({ reqId: req.id, err: error });
  res.status(402).json({ error: 'refused' });
});
app.post('/plain', (req, res) => {
  log.warn('low stock');
  res.json({ ok: true });
});
app.get('/quiet', (req, res) => res.json({ ok: true, id: req.id }));
app.listen(process.env.PORT);
