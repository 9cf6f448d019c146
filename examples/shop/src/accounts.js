import { Router } from 'express';
import { promisify } from 'node:util';
import { HttpError, handle } from './errors.js';
import { verifyPassword } from './passwords.js';
import { SESSION_COOKIE } from './sessions.js';

/** Signs a customer in under a new session id, keeping the cart. Throws 401. */
export async function signIn(users, req, name, password) {
  if (typeof name !== 'string' || typeof password !== 'string')
    throw new HttpError(400, 'name and password, please');
  const user = await users.findOne({ name });
  if (!user || !(await verifyPassword(password, user.password)))
    throw new HttpError(401, 'wrong name or password');
  const { cart } = req.session;
  await promisify(req.session.regenerate.bind(req.session))();
  Object.assign(req.session, {
    user: { id: user._id.toHexString(), name: user.name },
    cart,
    since: Date.now(),
  });
  return req.session.user;
}

/** Middleware of whatever needs a customer. */
export function signedIn(req, _res, next) {
  next(req.session.user ? undefined : new HttpError(401, 'sign in first'));
}

/** POST /login, POST /logout, GET /me. */
export function accountRoutes({ users }, recent) {
  const routes = Router();
  routes.post(
    '/login',
    handle(async (req, res) => {
      const user = await signIn(users, req, req.body.name, req.body.password);
      res.json({ user: user.name, cart: req.session.cart ?? {} });
    }),
  );
  routes.post(
    '/logout',
    handle(async (req, res) => {
      await promisify(req.session.destroy.bind(req.session))();
      res.clearCookie(SESSION_COOKIE).status(204).end();
    }),
  );
  routes.get(
    '/me',
    signedIn,
    handle(async (req, res) => {
      const { user, since } = req.session;
      res.json({ user: user.name, signedInForMs: Date.now() - since, recent: await recent.list(user) });
    }),
  );
  return routes;
}
