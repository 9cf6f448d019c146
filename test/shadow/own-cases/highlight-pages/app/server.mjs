import polka from 'polka';
import hljs from 'highlight.js';
import MarkdownIt from 'markdown-it';
import nunjucks from 'nunjucks';
import { randomBytes } from 'node:crypto';

const md = new MarkdownIt({
  linkify: true,
  typographer: true,
  html: false,
  highlight: (code, lang) =>
    lang && hljs.getLanguage(lang) ? hljs.highlight(code, { language: lang }).value : '',
});
const view = nunjucks.compile(
  '<!doctype html><meta name="csrf" content="{{ csrf }}"><body data-v="{{ v }}"><nav>{% for i in items %}<a href="/p/{{ i.id }}?r={{ i.r }}">{{ i.t }}</a>{% endfor %}</nav><main>{{ html | safe }}</main><footer>{{ at }} &middot; {{ ms }} ms</footer></body>',
);
const pages = {
  plain: '# Hello\n\nJust *text* with a [link](http://x.test/?a=1&b=2) and a\nsoft break.',
  js: 'Code:\n\n```js\nconst f = async (x) => { return `a${x}` + 1; };\nclass A extends B {}\n```\n',
  python: '```python\ndef f(x: int) -> str:\n    return "a" if x else None\n```\n',
  css: '```css\n.a > b { color: #fff; width: calc(1px + 2em); }\n```\n',
  links: 'See www.x.test and mailto:a@b.test, or example.com/path_(x). "Quotes" -- and (c) 2020...',
  table: '| a | b |\n|---|:-:|\n| 1 | **2** |\n',
};
polka()
  .get('/p/:id', (req, res) => {
    const source = pages[req.params.id];
    const began = performance.now();
    if (source === undefined) {
      res.writeHead(404, { 'content-type': 'text/html' });
      res.end('<h1>Not found</h1><p>ref ' + randomBytes(6).toString('hex') + '</p>');
      return;
    }
    const items = Object.keys(pages).map((id) => ({ id, t: id, r: randomBytes(3).toString('hex') }));
    res.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'set-cookie': 'csrf=' + randomBytes(18).toString('base64url') + '; Path=/; SameSite=Lax',
    });
    res.end(
      nunjucks.runtime &&
        view.render({
          csrf: randomBytes(18).toString('base64url'),
          v: Math.random(),
          items,
          html: md.render(source),
          at: new Date().toLocaleString('en-GB'),
          ms: (performance.now() - began).toFixed(2),
        }),
    );
  })
  .listen(process.env.PORT);
