import Koa from 'koa';
import Router from '@koa/router';
import iconv from 'iconv-lite';
import Negotiator from 'negotiator';
import mime from 'mime-types';
import statuses from 'statuses';
import { randomBytes } from 'node:crypto';

const router = new Router();
const texts = {
  'windows-1251': 'Привет',
  shift_jis: 'こんにちは',
  'iso-8859-15': 'naïve €',
  gbk: '你好',
  'utf-16': 'hi',
};
router.get('/text/:charset', (ctx) => {
  const text = (texts[ctx.params.charset] ?? 'plain') + ' #' + randomBytes(4).toString('hex');
  ctx.set('content-type', 'text/plain; charset=' + ctx.params.charset);
  ctx.body = iconv.encode(text, ctx.params.charset);
});
router.get('/lang', (ctx) => {
  const n = new Negotiator(ctx.req);
  ctx.body = {
    lang: n.languages(['en', 'de', 'fr']),
    enc: n.encodings(['gzip', 'br', 'identity']),
    type: n.mediaTypes(['text/html', 'application/json']),
    id: randomBytes(8).toString('hex'),
  };
});
router.get('/file/:name', (ctx) => {
  ctx.set('content-type', mime.contentType(ctx.params.name) || 'application/octet-stream');
  ctx.set('x-ext', String(mime.extension(ctx.query.type ?? 'text/plain')));
  ctx.body = Buffer.concat([randomBytes(12), Buffer.from('body')]);
});
router.get('/status/:code', (ctx) => {
  const code = Number(ctx.params.code);
  ctx.body = {
    text: statuses.message?.[code] ?? statuses[code],
    at: Date.now(),
    redirect: statuses.redirect[code] ?? false,
    ref: randomBytes(8).toString('base64'),
  };
});
const app = new Koa();
app.use(router.routes());
app.listen(process.env.PORT);
