import express from 'express';
import Handlebars from 'handlebars';
import { randomBytes } from 'node:crypto';

const page = Handlebars.compile(
  '<!doctype html>\n<html><body id="{{nonce}}">\n<h1>{{title}}</h1>\n<p title="{{title}}">{{text}}</p>\n{{#each tags}}<i>{{this}}</i>{{/each}}\n<small>{{now}} {{took}}ms</small>\n</body></html>',
);
const app = express();
app.get('/page', (req, res) => {
  const started = performance.now();
  const { title = 'none', text = '', tags = '' } = req.query;
  res.send(
    page({
      nonce: randomBytes(8).toString('hex'),
      title,
      text,
      tags: tags.split(','),
      now: new Date().toISOString(),
      took: (performance.now() - started).toFixed(3),
    }),
  );
});
app.listen(process.env.PORT);
