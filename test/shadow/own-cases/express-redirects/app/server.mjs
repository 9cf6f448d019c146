import express from 'express';
import { randomUUID } from 'node:crypto';

const app = express();
app.use(express.json());
const items = new Map();
app.post('/items', (req, res) => {
  const id = randomUUID();
  items.set(id, req.body);
  res.redirect(303, '/items/' + id);
});
app.get('/items/:id', (req, res, next) => {
  const item = items.get(req.params.id);
  if (!item) return next();
  res.set('x-served', process.hrtime.bigint().toString()).json(item);
});
app.get('/out', (req, res) => res.redirect(String(req.query.to ?? '/')));
app.get('/cookie', (req, res) =>
  res
    .cookie('seen', randomUUID(), { maxAge: 60000, sameSite: 'lax' })
    .clearCookie('old', { path: '/x' })
    .json({ ok: true }),
);
app.get('/cached', (req, res) => res.set('cache-control', 'max-age=60').json({ version: 3 }));
app.listen(process.env.PORT);
