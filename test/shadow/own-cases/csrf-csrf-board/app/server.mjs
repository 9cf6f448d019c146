import express from 'express';
import cookieParser from 'cookie-parser';
import * as csrf from 'csrf-csrf';
import { randomBytes } from 'node:crypto';

const app = express();
app.use(cookieParser('parser-secret'));
app.use(express.urlencoded({ extended: false }));
app.use(express.json());
const { doubleCsrf } = csrf;
const { generateToken, generateCsrfToken, doubleCsrfProtection, invalidCsrfTokenError } = doubleCsrf({
  getSecret: () => 'a secret of the form',
  getSessionIdentifier: (req) => req.cookies.sid ?? '',
  cookieName: 'x-csrf',
  cookieOptions: { sameSite: 'lax', secure: false, path: '/' },
  getTokenFromRequest: (req) => req.body?._csrf ?? req.headers['x-csrf-token'],
  getCsrfTokenFromRequest: (req) => req.body?._csrf ?? req.headers['x-csrf-token'],
});
const tokenOf = generateCsrfToken ?? generateToken;
const posts = [];
const shuffled = (list) => [...list].sort(() => Math.random() - 0.5);
app.get('/login', (req, res) => {
  const sid = randomBytes(16).toString('hex');
  res.cookie('sid', sid, { httpOnly: true });
  res.redirect('/board');
});
app.get('/board', (req, res) => {
  const nonce = randomBytes(12).toString('base64');
  res.set('content-security-policy', "script-src 'nonce-" + nonce + "'");
  const token = tokenOf(req, res);
  const tips = shuffled(['be kind', 'be brief', 'be here', 'be well']).map((tip) => '<li>' + tip + '</li>');
  res.send(
    '<!doctype html><title>board</title><script nonce="' +
      nonce +
      '">var t=' +
      Date.now() +
      '</script>' +
      '<ul class="tips">' +
      tips.join('') +
      '</ul>' +
      posts.map((post) => '<article id="p' + post.id + '">' + post.text + '</article>').join('') +
      '<form method="post" action="/board"><input type="hidden" name="_csrf" value="' +
      token +
      '"><input name="text"></form>' +
      '<footer>made in ' +
      (process.hrtime()[1] % 1000) +
      ' µs</footer>',
  );
});
app.post('/board', doubleCsrfProtection, (req, res) => {
  const post = { id: randomBytes(4).toString('hex'), text: String(req.body.text) };
  posts.push(post);
  res.redirect(303, '/board#p' + post.id);
});
app.post('/api/posts', doubleCsrfProtection, (req, res) => {
  const post = { id: randomBytes(4).toString('hex'), text: String(req.body.text) };
  posts.push(post);
  res.status(201).json(post);
});
app.get('/api/token', (req, res) => res.json({ token: tokenOf(req, res) }));
app.get('/api/posts', (req, res) => res.json(posts));
app.use((error, req, res, next) => {
  void next;
  if (error === invalidCsrfTokenError) return res.status(403).json({ error: error.code });
  res.status(500).json({ error: error.message });
});
app.listen(process.env.PORT);
