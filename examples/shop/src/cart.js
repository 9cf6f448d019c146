import { Router } from 'express';
import { findProduct } from './catalogue.js';
import { HttpError, handle } from './errors.js';

const MOST_OF_ONE = 20;

/** Adds to the session's cart (`{sku: quantity}`). */
export async function addToCart(products, req, sku, quantity = 1) {
  const count = Number(quantity);
  if (!Number.isInteger(count) || count < 1) throw new HttpError(400, 'bad quantity');
  const product = await findProduct(products, sku);
  const cart = (req.session.cart ??= {});
  cart[product._id] = Math.min((cart[product._id] ?? 0) + count, MOST_OF_ONE);
}

/** The cart's lines at today's prices, in the order they were added. */
export async function cartLines(products, cart = {}) {
  const rows = await products.find({ _id: { $in: Object.keys(cart) } }).toArray();
  const bySku = new Map(rows.map((row) => [row._id, row]));
  return Object.entries(cart).map(([sku, quantity]) => {
    const { name, priceCents } = bySku.get(sku);
    return { sku, name, quantity, priceCents, sumCents: priceCents * quantity };
  });
}

export const sumCents = (lines) => lines.reduce((sum, line) => sum + line.sumCents, 0);

/** GET, POST and DELETE of /cart. */
export function cartRoutes({ products }) {
  const routes = Router();
  const answer = async (req, res) => {
    const lines = await cartLines(products, req.session.cart);
    res.json({ lines, total: sumCents(lines) / 100 });
  };
  routes.get('/cart', handle(answer));
  routes.post(
    '/cart',
    handle(async (req, res) => {
      await addToCart(products, req, req.body.sku, req.body.quantity);
      res.status(201);
      await answer(req, res);
    }),
  );
  routes.delete(
    '/cart/:sku',
    handle(async (req, res) => {
      if (!req.session.cart?.[req.params.sku]) throw new HttpError(404, 'not in the cart');
      delete req.session.cart[req.params.sku];
      await answer(req, res);
    }),
  );
  return routes;
}
