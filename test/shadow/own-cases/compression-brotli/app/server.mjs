import express from 'express';
import compression from 'compression';
import { randomUUID } from 'node:crypto';

const app = express();
app.use(compression({ threshold: 200 }));
const rows = Array.from({ length: 30 }, (_, i) => ({ sku: 'S' + i, name: 'Product number ' + i }));
app.get('/rows', (req, res) => res.json({ run: randomUUID(), rows }));
app.get('/static', (req, res) => res.type('text').send('lorem ipsum dolor '.repeat(40)));
app.get('/small', (req, res) => res.json({ ok: true, now: Date.now() }));
app.get('/flush', (req, res) => {
  res.type('text').write('a'.repeat(300));
  res.flush?.();
  setTimeout(() => res.end('b'.repeat(300)), 5);
});
app.get('/etag', (req, res) => res.set('etag', '"v1"').type('text').send('constant '.repeat(50)));
app.listen(process.env.PORT);
