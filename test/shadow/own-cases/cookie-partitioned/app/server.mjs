import express from 'express';
import * as cookie from 'cookie';
import { randomBytes } from 'node:crypto';

const app = express();
app.use(express.json());
const visits = new Map();
const set = (res, name, value, options) => res.append('set-cookie', cookie.serialize(name, value, options));
app.use((req, res, next) => {
  req.jar = cookie.parse(req.headers.cookie ?? '');
  next();
});
app.get('/', (req, res) => {
  const visitor = req.jar.vid ?? randomBytes(12).toString('hex');
  visits.set(visitor, (visits.get(visitor) ?? 0) + 1);
  set(res, 'vid', visitor, { maxAge: 86400, httpOnly: true, sameSite: 'lax', path: '/' });
  res.json({ visitor, visits: visits.get(visitor), at: new Date().toISOString() });
});
app.get('/embed/:shop', (req, res) => {
  const options = { path: '/embed', secure: true, httpOnly: true, sameSite: 'none', partitioned: true };
  set(res, 'chat', randomBytes(9).toString('base64url'), { ...options, maxAge: 600 });
  set(res, 'theme', req.query.theme ?? 'light', { path: '/embed', sameSite: 'strict' });
  res
    .type('html')
    .send('<p>chat of ' + encodeURIComponent(req.params.shop) + ', ' + new Date().toUTCString() + '</p>');
});
app.post('/prefs', (req, res) => {
  for (const [name, value] of Object.entries(req.body))
    set(res, name, String(value), { expires: new Date(Date.now() + 3600e3), priority: 'high' });
  res.json({ saved: Object.keys(req.body).length });
});
app.get('/jar', (req, res) => res.json({ ...req.jar }));
app.delete('/me', (req, res) => {
  visits.delete(req.jar.vid);
  set(res, 'vid', '', { expires: new Date(0) });
  res.status(204).end();
});
app.use((error, req, res, next) => {
  void next;
  res.status(400).json({ error: error.message });
});
app.listen(process.env.PORT);
