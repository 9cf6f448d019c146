import express from 'express';
import * as K from 'keyv';
import * as R from '@keyv/redis';
import { randomUUID } from 'node:crypto';
const Keyv = K.Keyv ?? K.default;
const Redis = R.default?.default ?? R.default;
const keyv = new Keyv({ store: new Redis(process.env.REDIS_URL), namespace: 'cart' });
const app = express();
app.use(express.json());
app.post('/carts', async (q, s) => {
  const id = randomUUID();
  await keyv.set(id, { items: q.body.items, at: Date.now() }, 3600_000);
  s.status(201).json({ id });
});
app.get('/carts/:id', async (q, s) => {
  const c = await keyv.get(q.params.id);
  c ? s.json(c) : s.status(404).json({ error: 'none' });
});
app.delete('/carts/:id', async (q, s) => {
  s.json({ deleted: await keyv.delete(q.params.id) });
});
app.listen(process.env.PORT, '127.0.0.1');
