import * as cheerio from 'cheerio';
import express from 'express';
import Redis from 'ioredis';
import { randomBytes, randomUUID } from 'node:crypto';

const redis = new Redis(process.env.REDIS_URL);
const { load } = cheerio.load ? cheerio : cheerio.default;
const app = express();
app.use(express.json());

app.post('/snips', async (req, res) => {
  const { html } = req.body;
  if (!html) return res.status(422).json({ error: 'html', ref: randomUUID() });
  const $ = load(html);
  $('a').attr('rel', 'nofollow');
  const id = randomBytes(8).toString('hex');
  await redis.hset('snip:' + id, { html: $('body').html(), at: Date.now(), n: html.length });
  res.status(201).json({ id, n: html.length });
});
app.get('/snips/:id', async (req, res) => {
  const snip = await redis.hgetall('snip:' + req.params.id);
  if (!snip.at) return res.status(404).json({ id: req.params.id });
  res.json({ id: req.params.id, at: Number(snip.at), tags: load(snip.html)('*').length });
});
app.get('/snips/:id/text', async (req, res) => {
  const { html, at } = await redis.hgetall('snip:' + req.params.id);
  res.type('text').send(`${load(html)('p').text()} at ${new Date(Number(at)).toISOString()}`);
});
app.get('/page/:id', async (req, res) => {
  const { html } = await redis.hgetall('snip:' + req.params.id);
  sendPage(res, 'snip', `<main id="m${req.params.id}">${html}</main>`);
});
app.listen(process.env.PORT);

/** A page with noise: a nonce, a token, times and numbers of whatever length. */
function sendPage(res, title, inner, status = 200) {
  const nonce = randomBytes(9).toString('base64');
  res.status(status).set('content-security-policy', `script-src 'nonce-${nonce}'`);
  res.send(`<!doctype html>
<html><head><title>${title}</title><meta name="csrf" content="${randomBytes(16).toString('base64url')}"></head>
<body data-t="${Date.now()}">
${inner}
<script nonce="${nonce}">window.r=${Math.random()}</script></body></html>`);
}
