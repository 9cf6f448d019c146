import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';

/** The shop's settings from its environment. Throws an Error naming the variable that is wrong. */
export function readConfig(env) {
  const port = Number(env.PORT ?? 3000);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error(`PORT is not a port: ${env.PORT}`);
  return {
    host: env.HOST ?? '127.0.0.1',
    port,
    mongoUrl: env.MONGO_URL ?? 'mongodb://127.0.0.1:27017/shop',
    redisUrl: env.REDIS_URL ?? 'redis://127.0.0.1:6379',
    paymentUrl: env.PAYMENT_URL ?? 'http://127.0.0.1:4000',
    uploadDir: resolve(env.UPLOAD_DIR ?? 'uploads'),
    // Every node of a running shop needs the same secret; one node alone may make one up.
    sessionSecret: env.SESSION_SECRET ?? randomBytes(32).toString('hex'),
  };
}
