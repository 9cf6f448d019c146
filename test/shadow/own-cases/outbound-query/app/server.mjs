import express from 'express';
import queryString from 'query-string';
import { request } from 'undici';
import { randomUUID, randomBytes, createHmac } from 'node:crypto';

const app = express();
app.use(express.json());
const call = async (path, body, headers = {}) => {
  const answer = await request(new URL(path, process.env.OUTBOUND_URL), {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      'x-trace': randomUUID(),
      ...headers,
    },
    body,
  });
  return answer.body.json();
};
app.post('/search', async (req, res) => {
  await call('/search?' + queryString.stringify({ nonce: randomBytes(8).toString('hex'), ...req.body }));
  res.json({ ok: true, id: randomUUID() });
});
app.post('/pay', async (req, res) => {
  const body = queryString.stringify({
    amount: req.body.amount,
    currency: req.body.currency ?? null,
    items: req.body.items,
    ref: randomUUID(),
    at: Date.now(),
  });
  await call('/charges', body, { 'x-signature': createHmac('sha256', 'k').update(body).digest('hex') });
  res.status(202).json({ accepted: true, ref: randomUUID(), tookMs: performance.now() });
});
app.post('/fan-out', async (req, res) => {
  await Promise.all(
    req.body.to.map(async (to) => {
      await new Promise((done) => setTimeout(done, Math.random() * 15));
      await call('/mail', queryString.stringify({ to, tags: req.body.tags, id: randomUUID() }));
    }),
  );
  res.json({ sent: req.body.to.length });
});
app.listen(process.env.PORT);
