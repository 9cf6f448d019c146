import express from 'express';
import cookieSession from 'cookie-session';
import Tokens from 'csrf';
import ejs from 'ejs';
import { randomBytes } from 'node:crypto';

const tokens = new Tokens();
const app = express();
app.use(cookieSession({ name: 'sess', keys: ['k2', 'k1'], maxAge: 3600e3 }));
app.use(express.urlencoded({ extended: true }));
app.use((req, res, next) => {
  res.locals.started = process.hrtime.bigint();
  res.locals.nonce = randomBytes(16).toString('base64');
  req.session.secret ??= tokens.secretSync();
  res.set('content-security-policy', "script-src 'nonce-" + res.locals.nonce + "'");
  next();
});
const page = ejs.compile(`<!doctype html>
<html><head><title><%= title %></title><script nonce="<%= nonce %>">window.now=<%= Date.now() %>;</script></head>
<body data-build="<%= build %>">
<h1><%= title %></h1>
<% if (user) { %><p>Hello <b><%= user %></b>, last seen <%= seen %>.</p><% } else { %><p>Hello, stranger.</p><% } %>
<form method="post" action="/login"><input type="hidden" name="_csrf" value="<%= token %>"><input name="user"></form>
<ul><% items.forEach(item => { %><li id="i-<%= item.key %>"><%= item.name %></li><% }) %></ul>
<footer>rendered in <%= took %> ms by <%= pid %></footer>
</body></html>`);
const items = ['Lamp & shade', 'Desk <oak>', '"Chair"'].map((name) => ({
  name,
  key: randomBytes(4).toString('hex'),
}));
const show = (req, res, title) =>
  res.send(
    page({
      title,
      nonce: res.locals.nonce,
      build: process.version,
      user: req.session.user,
      seen: new Date().toUTCString(),
      token: tokens.create(req.session.secret),
      items,
      took: (Number(process.hrtime.bigint() - res.locals.started) / 1e6).toFixed(2),
      pid: process.pid,
    }),
  );
app.get('/', (req, res) => show(req, res, 'Home'));
app.get('/items', (req, res) => show(req, res, 'Items & more'));
app.post('/login', (req, res) => {
  if (!tokens.verify(req.session.secret, req.body._csrf ?? ''))
    return res.status(403).send('<h1>Forbidden</h1><p>ref ' + randomBytes(5).toString('hex') + '</p>');
  req.session.user = req.body.user;
  res.redirect(303, '/?welcome=' + randomBytes(3).toString('hex'));
});
app.get('/logout', (req, res) => {
  req.session = null;
  res.redirect('/');
});
app.listen(process.env.PORT);
