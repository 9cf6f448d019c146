import express from 'express';
import session from 'express-session';
import RedisStore from 'connect-redis';
import csurf from 'csurf';
import ejs from 'ejs';
import Redis from 'ioredis';
import { randomBytes } from 'node:crypto';

const redis = new Redis(process.env.REDIS_URL);
const app = express();
app.use(express.urlencoded({ extended: true }));
app.use(
  session({
    store: new RedisStore({ client: redis, prefix: 'web:' }),
    secret: 'keyboard cat',
    resave: false,
    saveUninitialized: true,
    rolling: true,
    cookie: { maxAge: 1800e3, sameSite: 'strict' },
  }),
);
app.use(csurf());
const page = ejs.compile(`<!DOCTYPE html>
<html><body class="b<%= seed %>">
<p>Signed in: <%= user %> — <%= now %></p>
<form method="post" action="/notes"><input type="hidden" name="_csrf" value="<%= csrf %>"><textarea name="text"></textarea><button>Save</button></form>
<ul><% for (const n of notes) { %><li id="n<%= n.id %>"><%= n.text %> <time><%= n.at %></time></li><% } %></ul>
</body></html>`);
app.get('/', (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1;
  res.send(
    page({
      seed: randomBytes(3).toString('hex'),
      user: req.session.user ?? 'nobody',
      now: new Date().toString(),
      csrf: req.csrfToken(),
      notes: req.session.notes ?? [],
    }),
  );
});
app.post('/login', (req, res) => {
  req.session.user = String(req.body.name);
  res.redirect(303, '/');
});
app.post('/notes', (req, res) => {
  (req.session.notes ??= []).push({
    id: randomBytes(5).toString('hex'),
    text: req.body.text,
    at: new Date().toISOString(),
  });
  res.redirect(303, '/');
});
app.use((error, req, res, next) =>
  res.headersSent
    ? next(error)
    : res.status(error.status ?? 500).json({ error: error.message, code: error.code }),
);
app.listen(process.env.PORT);
