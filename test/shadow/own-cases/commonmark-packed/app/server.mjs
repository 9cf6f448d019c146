import * as commonmark from 'commonmark';
import express from 'express';
import Redis from 'ioredis';
import { randomBytes, randomUUID } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';

const redis = new Redis(process.env.REDIS_URL);
const { HtmlRenderer, Parser } = commonmark.default ?? commonmark;
const pack = (value) => gzipSync(JSON.stringify(value));
const unpack = (bytes) => JSON.parse(gunzipSync(bytes));
const app = express();
app.use(express.json());

app.post('/import', (req, res) => {
  try {
    const { id, n } = unpack(Buffer.from(req.body.blob, 'base64'));
    res.json({ id, n });
  } catch {
    res.status(400).json({ error: 'blob', ref: randomUUID() });
  }
});
app.post('/notes', async (req, res) => {
  const { n, t } = req.body;
  const id = randomUUID();
  const html = new HtmlRenderer().render(new Parser().parse(t));
  await redis.set('note:' + id, pack({ id, n, t, html, at: new Date().toISOString() }), 'EX', 7200);
  res.status(201).json({ id, blob: pack({ id, n, r: randomUUID() }).toString('base64') });
});
app.use('/notes/:id', async (req, res, next) => {
  const bytes = await redis.getBuffer('note:' + req.params.id.replace('.gz', ''));
  if (!bytes) return res.status(404).json({});
  req.note = unpack(bytes);
  next();
});
app.get('/notes/:id/meta', async (req, res) => {
  const { id, n, at } = req.note;
  res.json({ id, n, at, ttl: await redis.ttl('note:' + id) });
});
app.get('/notes/:id.gz', (req, res) => {
  res.set('content-disposition', `attachment; filename="${req.note.id}.gz"`);
  res.type('application/gzip').send(gzipSync(req.note.t));
});
app.get('/notes/:id', (req, res) => {
  const { id, html } = req.note;
  const page = `<!doctype html><title>${id}</title><main>${html}</main><footer>${new Date().toUTCString()}</footer>`;
  res.set({ 'content-encoding': 'gzip', etag: `W/"${randomBytes(6).toString('hex')}"` });
  res.type('html').send(gzipSync(page));
});
app.listen(process.env.PORT);
