import Koa from 'koa';
import helmet from 'helmet';
import { randomBytes, randomUUID } from 'node:crypto';

const app = new Koa();
const visits = new Map();
app.use(async (ctx, next) => {
  const began = performance.now();
  ctx.state.nonce = randomBytes(16).toString('base64');
  await next();
  ctx.set('X-Request-Id', randomUUID());
  ctx.set('Server-Timing', 'total;dur=' + (performance.now() - began).toFixed(3));
});
app.use(
  (ctx, next) =>
    new Promise((resolve, reject) => {
      const secure = ctx.path.startsWith('/embed')
        ? helmet({ crossOriginEmbedderPolicy: true, frameguard: false })
        : helmet({
            contentSecurityPolicy: {
              directives: { scriptSrc: ["'self'", () => `'nonce-${ctx.state.nonce}'`] },
            },
          });
      secure(ctx.req, ctx.res, (error) => (error ? reject(error) : resolve(next())));
    }),
);
app.use((ctx) => {
  const seen = (visits.get(ctx.path) ?? 0) + 1;
  visits.set(ctx.path, seen);
  if (ctx.path === '/api/me') {
    ctx.body = { user: null, csrf: randomBytes(24).toString('base64url'), at: new Date().toUTCString() };
    return;
  }
  ctx.type = 'html';
  ctx.body = `<!doctype html><html><head><title>${ctx.path}</title><script nonce="${ctx.state.nonce}">window.boot = ${JSON.stringify({ at: Date.now(), id: randomUUID() })}</script></head>
<body data-render="${Math.random().toString(36).slice(2)}"><h1>Visit ${seen}</h1><p>Rendered ${new Date().toISOString()} by worker ${process.pid}</p></body></html>`;
});
app.listen(process.env.PORT);
