import express, { Router } from 'express';
import { randomBytes, randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { accountRoutes } from './accounts.js';
import { cartRoutes } from './cart.js';
import { catalogueRoutes } from './catalogue.js';
import { answerError, handle, notFound } from './errors.js';
import { orderRoutes } from './orders.js';
import { pageRoutes } from './pages.js';
import { paymentProvider } from './payment.js';
import { recentlyViewed } from './recent.js';
import { sessions } from './sessions.js';
import { uploadRoutes } from './uploads.js';

const publicDir = fileURLToPath(new URL('../public', import.meta.url));

/** The shop as an Express app. */
export function createApp({ config, stores }) {
  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', 'loopback');
  app.use(responseHeaders);
  app.get('/health', handle(health(stores)));
  app.use('/assets', assets());
  app.use(sessions(stores, config.sessionSecret));

  const recent = recentlyViewed(stores);
  const api = Router();
  api.use(express.json({ limit: '100kb' }));
  api.use(accountRoutes(stores, recent));
  api.use(catalogueRoutes(stores, recent));
  api.use(cartRoutes(stores));
  api.use(orderRoutes(stores, paymentProvider(config.paymentUrl)));
  api.use(uploadRoutes(stores, config.uploadDir));
  app.use('/api', api);
  app.use(pageRoutes(stores, recent));

  app.use(notFound);
  app.use(answerError);
  return app;
}

/** An id to find a request in the logs by, and a policy that lets only our own scripts run. */
function responseHeaders(_req, res, next) {
  res.locals.cspNonce = randomBytes(16).toString('base64');
  res.set({
    'X-Request-Id': randomUUID(),
    'Content-Security-Policy': `default-src 'self'; script-src 'self' 'nonce-${res.locals.cspNonce}'`,
    'X-Content-Type-Options': 'nosniff',
  });
  next();
}

/** Names carry `?v=`, so browsers may keep them; times and ETags of files differ from node to node, so none are sent. */
const assets = () =>
  express.static(publicDir, { etag: false, lastModified: false, immutable: true, maxAge: '30d' });

const health =
  ({ db, redis }) =>
  async (_req, res) => {
    await Promise.all([db.command({ ping: 1 }), redis.ping()]);
    res.json({ ok: true, uptime: process.uptime() });
  };
