import express from 'express';
import fetch from 'node-fetch';
import { randomUUID } from 'node:crypto';

const app = express();
app.use(express.json());
const orders = new Map();
const guarded = (handler) => (req, res, next) => handler(req, res).catch(next);
const base = process.env.OUTBOUND_URL;
app.post(
  '/orders',
  guarded(async (req, res) => {
    const order = { id: randomUUID(), ...req.body, at: new Date().toISOString() };
    orders.set(order.id, order);
    const answer = await fetch(base + '/stock/reserve', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': randomUUID() },
      body: JSON.stringify({ order: order.id, sku: order.sku }),
    });
    order.reserved = (await answer.json()).ok;
    res.status(201).json(order);
  }),
);
app.get(
  '/orders/:id/price',
  guarded(async (req, res) => {
    const order = orders.get(req.params.id);
    if (!order) return res.status(404).json({ error: 'no such order' });
    const answer = await fetch(base + '/prices?sku=' + encodeURIComponent(order.sku) + '&t=' + Date.now());
    res.json({ id: order.id, status: answer.status, type: answer.headers.get('content-type') });
  }),
);
app.post(
  '/orders/:id/pay',
  guarded(async (req, res) => {
    const form = new URLSearchParams({ order: req.params.id, amount: String(req.body.amount) });
    const [paid, mailed] = await Promise.all([
      fetch(base + '/pay', { method: 'POST', body: form }),
      fetch(base + '/mail', {
        method: 'PUT',
        headers: { 'user-agent': 'shop/1' },
        body: 'paid ' + req.params.id,
      }),
    ]);
    res.json({ paid: paid.ok, mailed: mailed.ok });
  }),
);
app.get('/health', (req, res) => res.json({ orders: orders.size, up: process.uptime() }));
app.use((error, req, res, next) => {
  void next;
  res.status(502).json({ error: error.name });
});
app.listen(process.env.PORT);
