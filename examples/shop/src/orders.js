import { Router } from 'express';
import { ObjectId } from 'mongodb';
import { randomInt } from 'node:crypto';
import { signedIn } from './accounts.js';
import { cartLines, sumCents } from './cart.js';
import { decodeCursor, encodeCursor, pageSize } from './cursor.js';
import { HttpError, handle } from './errors.js';

const NUMBER_ALPHABET = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ';

/** Read to customers over the phone: short, random, without letters that look like digits. */
const orderNumber = () =>
  'SH-' + Array.from({ length: 8 }, () => NUMBER_ALPHABET[randomInt(NUMBER_ALPHABET.length)]).join('');

const present = (order) => ({
  id: order._id.toHexString(),
  number: order.number,
  status: order.status,
  lines: order.lines.map(({ sku, name, quantity, priceCents }) => ({
    sku,
    name,
    quantity,
    price: priceCents / 100,
  })),
  total: order.totalCents / 100,
  note: order.note,
  createdAt: order.createdAt,
  ...(order.paidAt && { paidAt: order.paidAt, charge: order.charge }),
  ...(order.cancelledAt && { cancelledAt: order.cancelledAt, reason: order.reason }),
});

/** Orders of the signed-in customer. */
export function orderRoutes(stores, payment) {
  const { orders, products } = stores;
  const routes = Router();
  routes.use('/orders', signedIn);

  routes.get(
    '/orders',
    handle(async (req, res) => {
      const limit = pageSize(req.query.limit, 3, 20);
      const rows = await orders
        .find(pageOfOrders(req.session.user, decodeCursor(req.query.cursor)))
        .sort({ createdAt: -1, _id: -1 })
        .limit(limit + 1)
        .toArray();
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const next =
        rows.length > limit ? encodeCursor(last.createdAt.getTime(), last._id.toHexString()) : null;
      res.json({ orders: page.map(present), next });
    }),
  );

  routes.post(
    '/orders',
    handle(async (req, res) => {
      const lines = await cartLines(products, req.session.cart);
      if (lines.length === 0) throw new HttpError(422, 'the cart is empty');
      await takeFromStock(products, lines);
      const order = await placeOrder(orders, req.session.user, lines, String(req.body.note ?? ''));
      delete req.session.cart;
      res.status(201).location(`/api/orders/${order._id}`).json(present(order));
    }),
  );

  routes.get(
    '/orders/:id',
    handle(async (req, res) => res.json(present(await ownOrder(orders, req)))),
  );

  routes.post(
    '/orders/:id/checkout',
    handle(async (req, res) => {
      const order = await move(orders, await ownOrder(orders, req), 'open', { status: 'charging' });
      try {
        const { number: reference, totalCents: cents } = order;
        const charge = await payment.charge({ cents, source: String(req.body.source), reference });
        res.json(
          present(await move(orders, order, 'charging', { status: 'paid', paidAt: new Date(), charge })),
        );
      } catch (error) {
        await move(orders, order, 'charging', { status: 'open' });
        throw error;
      }
    }),
  );

  routes.post(
    '/orders/:id/cancel',
    handle(async (req, res) => {
      const reason = req.body.reason || 'customer request';
      const order = await move(orders, await ownOrder(orders, req), 'open', {
        status: 'cancelled',
        cancelledAt: new Date(),
        reason: String(reason),
      });
      await changeStock(products, order.lines, 1);
      res.json(present(order));
    }),
  );
  return routes;
}

function pageOfOrders({ id }, after) {
  const mine = { userId: new ObjectId(id) };
  if (!after) return mine;
  const [time, last] = after;
  if (typeof time !== 'number' || !ObjectId.isValid(last)) throw new HttpError(400, 'bad cursor');
  const createdAt = new Date(time);
  return {
    ...mine,
    $or: [{ createdAt: { $lt: createdAt } }, { createdAt, _id: { $lt: new ObjectId(last) } }],
  };
}

/** The order of the request's path if it is the customer's own; another's is no different from none. */
async function ownOrder(orders, req) {
  const { id } = req.params;
  const order =
    ObjectId.isValid(id) &&
    (await orders.findOne({ _id: new ObjectId(id), userId: new ObjectId(req.session.user.id) }));
  if (!order) throw new HttpError(404, 'no such order');
  return order;
}

/** Changes an order's state if it is still `from`; of two that try, one gets the 409. */
async function move(orders, { _id }, from, change) {
  const moved = await orders.findOneAndUpdate(
    { _id, status: from },
    { $set: change },
    { returnDocument: 'after' },
  );
  if (!moved) throw new HttpError(409, `the order is not ${from}`);
  return moved;
}

async function placeOrder(orders, user, lines, note) {
  for (;;) {
    const order = {
      number: orderNumber(),
      userId: new ObjectId(user.id),
      status: 'open',
      lines,
      totalCents: sumCents(lines),
      note,
      createdAt: new Date(),
    };
    try {
      await orders.insertOne(order);
      return order;
    } catch (error) {
      // The number is taken: draw again.
      if (error.code !== 11000 || !error.keyPattern?.number) throw error;
    }
  }
}

const changeStock = (products, lines, sign) =>
  products.bulkWrite(
    lines.map(({ sku, quantity }) => ({
      updateOne: { filter: { _id: sku }, update: { $inc: { stock: sign * quantity } } },
    })),
  );

/** All lines or none. */
async function takeFromStock(products, lines) {
  const taken = [];
  for (const line of lines) {
    const enough = { _id: line.sku, stock: { $gte: line.quantity } };
    const { modifiedCount } = await products.updateOne(enough, { $inc: { stock: -line.quantity } });
    if (modifiedCount === 1) {
      taken.push(line);
      continue;
    }
    if (taken.length > 0) await changeStock(products, taken, 1);
    throw new HttpError(409, `sold out: ${line.sku}`);
  }
}
