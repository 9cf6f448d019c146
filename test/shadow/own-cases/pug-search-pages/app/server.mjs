import express from 'express';
import pug from 'pug';
import Fuse from 'fuse.js';
import { randomBytes } from 'node:crypto';

const books = [
  "Old Man's War",
  'The Lock Artist',
  'HTML5',
  'Right Ho Jeeves',
  'The Code of the Wooster',
  'Thank You Jeeves',
  'The DaVinci Code',
  'Angels & Demons',
  'The Silmarillion',
].map((title, i) => ({ id: i + 1, title, isNew: i % 3 === 0 }));
const page = pug.compile(
  `
doctype html
html
  head
    title= title
    meta(name='csrf-token' content=csrf)
    script(nonce=nonce).
      window.t0 = #{t0};
  body(class=['page', kind] data-x=JSON.stringify({a: 1, "b": "<c>"}))
    form(action='/search' method='get')
      input(type='search' name='q' value=q required)
      input(type='hidden' name='_csrf' value=csrf)
    if books.length
      ul
        each book, i in books
          li(class={fresh: book.isNew} id='b' + book.id)
            a(href='/books/' + book.id + '?s=' + s)= book.title
            |
            | number #{i + 1}
    else
      p.none Nothing for 
        em= q
        | .
    pre.
      a  b
        c
    p: | rendered #{now}
`.replace('p: | rendered', 'p rendered'),
);
const fuse = new Fuse(books, { keys: ['title'], threshold: 0.6, shouldSort: true });
const app = express();
app.get('/', (req, res) => send(res, { kind: 'home', q: '', books }));
app.get('/search', (req, res) =>
  send(res, {
    kind: 'search',
    q: String(req.query.q ?? ''),
    books: fuse.search(String(req.query.q ?? '')).map((hit) => hit.item ?? hit),
  }),
);
app.get('/api/search', (req, res) =>
  res.json({
    hits: fuse
      .search(String(req.query.q ?? ''))
      .map((hit) => ({ title: (hit.item ?? hit).title, ref: randomBytes(6).toString('hex') })),
    at: Date.now(),
  }),
);
function send(res, data) {
  const nonce = randomBytes(12).toString('base64');
  res.set('content-security-policy', `script-src 'nonce-${nonce}'`).send(
    page({
      title: 'Books',
      csrf: randomBytes(16).toString('hex'),
      nonce,
      t0: Date.now(),
      s: randomBytes(4).toString('hex'),
      now: new Date().toISOString(),
      ...data,
    }),
  );
}
app.listen(process.env.PORT);
