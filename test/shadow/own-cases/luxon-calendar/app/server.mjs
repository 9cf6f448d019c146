import express from 'express';
import { DateTime, Duration } from 'luxon';
import { randomBytes, randomUUID } from 'node:crypto';

const app = express();
const events = new Map();
const STYLES = {
  iso: (time) => time.toISO(),
  short: (time) => time.toFormat('d LLL yyyy HH:mm'),
  full: (time) => time.toLocaleString(DateTime.DATETIME_FULL),
};
const show = (time, style = 'full') => STYLES[style](time);
app.use(express.json());

app.post('/events', (req, res) => {
  const at = DateTime.fromISO(req.body.at, { zone: 'utc' });
  if (!at.isValid) return res.status(422).json({ error: at.invalidReason });
  const id = randomUUID();
  events.set(id, { id, title: req.body.title, at });
  res.status(201).json({ id, at: at.toISO(), made: new Date() });
});
app.get('/events', (req, res) => {
  const items = [...events.values()].map(({ id, title }) => `<li><a href="/events/${id}">${title}</a></li>`);
  sendPage(res, 'all', `<ul>${items.join('')}</ul>`);
});
app.get('/events/:id.json', (req, res) => {
  const { id, title, at } = events.get(req.params.id);
  res.json({ id, title, unix: at.toMillis(), day: at.weekdayLong });
});
app.get('/events/:id', (req, res) => {
  const event = events.get(req.params.id);
  if (!event) return sendPage(res, 'none', '<p>no such event</p>', 404);
  sendPage(res, event.title, `<h1>${event.title}</h1><p>When: ${show(event.at, req.query.style)}</p>`);
});
app.get('/now', (req, res) => {
  sendPage(res, 'now', `<p>It is ${show(DateTime.utc(), req.query.style)}.</p><p>Order by then</p>`);
});
app.get('/duration', (req, res) => {
  const duration = Duration.fromISO(req.query.iso);
  res.json({ hours: Math.round(duration.as('hours')), iso: duration.toISO(), ref: randomUUID() });
});
app.get('/week', (req, res) => res.json({ week: DateTime.fromISO(req.query.d).toFormat("kkkk-'W'WW") }));
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
