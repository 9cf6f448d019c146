import { RedisStore } from 'connect-redis';
import { randomBytes, timingSafeEqual } from 'node:crypto';
import session from 'express-session';
import { HttpError } from './errors.js';

export const SESSION_COOKIE = 'shop.sid';
const MAX_AGE_MS = 3600_000;

/** Sessions in Redis, made when there is something to remember. */
export function sessions({ redis }, secret) {
  return session({
    name: SESSION_COOKIE,
    secret,
    store: new RedisStore({ client: redis, prefix: 'shop:sess:' }),
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: 'lax', maxAge: MAX_AGE_MS },
  });
}

/** The session's token for forms. */
export function csrfToken(req) {
  return (req.session.csrf ??= randomBytes(24).toString('base64url'));
}

/** Middleware of routes that take forms: the token of the page must be this session's. */
export function checkCsrf(req, _res, next) {
  const expected = Buffer.from(req.session.csrf ?? '');
  const given = Buffer.from(String(req.body._csrf ?? ''));
  const right = expected.length > 0 && expected.length === given.length && timingSafeEqual(expected, given);
  next(right ? undefined : new HttpError(403, 'the form has expired, reload the page'));
}
