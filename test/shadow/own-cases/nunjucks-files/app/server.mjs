import express from 'express';
import nunjucks from 'nunjucks';
import { randomBytes, randomUUID } from 'node:crypto';

const app = express();
const templates = new nunjucks.Environment(null, { autoescape: true });
const files = new Map();
app.use(express.json(), express.urlencoded({ extended: false }));

app.post('/files', (req, res) => {
  const id = randomUUID();
  files.set(id, { ...req.body, id, at: new Date().toISOString() });
  res.status(201).json({ id });
});
app.get('/files', (req, res) => {
  const list =
    '<ul>{% for f in files %}<li id="{{ f.id }}">{{ f.name }} <time>{{ f.at }}</time></li>{% endfor %}</ul>';
  sendPage(res, 'files', templates.renderString(list, { files: [...files.values()].slice(0, 1) }));
});
app.use('/files/:id', (req, res, next) => {
  req.file = files.get(req.params.id.replace('.json', ''));
  if (!req.file) sendPage(res, 'no', '<p>no file</p>', 404);
  else next();
});
app.get('/files/:id/edit', (req, res) => {
  req.file.token = randomBytes(15).toString('base64url');
  const form =
    '<form action="/files/{{ id }}/touch" method=post><input type=hidden name="_t" value="{{ token }}"><input name=size value="{{ size }}"></form>';
  sendPage(res, 'edit', templates.renderString(form, req.file));
});
app.post('/files/:id/touch', (req, res) => {
  const isValid = req.file.token !== undefined && req.body._t === req.file.token;
  delete req.file.token;
  if (!isValid) return sendPage(res, 'csrf', '<p>stale form</p>', 403);
  req.file.at = new Date().toISOString();
  res.redirect(303, `/files/${req.file.id}?t=${Date.now()}`);
});
app.get('/files/:id.json', (req, res) => res.json(req.file));
app.get('/files/:id', (req, res) => {
  const page = '<h1>{{ name }}</h1><p>{{ size }} bytes, changed {{ at }}</p><code>{{ id }}</code>';
  sendPage(res, 'file', templates.renderString(page, req.file));
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
