import { encodeXML } from 'entities';
import express from 'express';
import { randomBytes, randomUUID } from 'node:crypto';

const app = express();
const posts = new Map();
app.use(express.json());

app.post('/posts', (req, res) => {
  const id = randomUUID();
  posts.set(id, { id, ...req.body, at: new Date() });
  res.status(201).json({ id, at: Date.now() });
});
app.get('/feed.xml', (req, res) =>
  sendFeed(res, [...posts.values()].slice(0, Number(req.query.limit ?? 99))),
);
app.get('/posts/:id.json', (req, res) => {
  const { id, title, n } = posts.get(req.params.id);
  res.json({ id, title, n });
});
app.get('/posts/:id/feed.xml', (req, res) => sendFeed(res, [posts.get(req.params.id)]));
app.get('/posts/:id', (req, res) => {
  const post = posts.get(req.params.id);
  if (!post) return sendPage(res, 'not found', '<p>none</p>', 404);
  sendPage(res, 'post', `<article id="${post.id}"><h1>${encodeXML(post.title)}</h1></article>`);
});
app.listen(process.env.PORT);

function sendFeed(res, list) {
  const items = list.map(
    ({ id, title, at }) =>
      `<item><guid>urn:uuid:${id}</guid><title>${encodeXML(title)}</title><pubDate>${at.toUTCString()}</pubDate></item>`,
  );
  const built = new Date().toUTCString();
  res
    .type('application/rss+xml')
    .send(
      `<?xml version="1.0"?>\n<rss version="2.0"><channel><lastBuildDate>${built}</lastBuildDate>${items.join('')}</channel></rss>`,
    );
}

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
