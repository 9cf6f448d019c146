import { Router } from 'express';
import { decodeCursor, encodeCursor, pageSize } from './cursor.js';
import { HttpError, handle } from './errors.js';

const SORTS = { price: 'priceCents', name: 'name' };

/** What a client sees of a product. */
export const present = (product) => ({
  sku: product._id,
  name: product.name,
  category: product.category,
  price: product.priceCents / 100,
  tags: product.tags,
  description: product.description,
  available: product.stock > 0,
});

/** GET /products and GET /products/:sku. */
export function catalogueRoutes({ products }, recent) {
  const routes = Router();

  // ?filter[category]=light&filter[price][gte]=10&filter[tags][]=desk&sort=-price&limit=5&cursor=…
  routes.get(
    '/products',
    handle(async (req, res) => {
      const started = performance.now();
      const where = catalogueFilter(req.query.filter);
      const limit = pageSize(req.query.limit, 6, 50);
      const sort = catalogueSort(req.query.sort);
      const after = decodeCursor(req.query.cursor);
      const [total, rows] = await Promise.all([
        products.countDocuments(where),
        products
          .find(after ? { $and: [where, beyond(sort, after)] } : where)
          .sort({ [sort.field]: sort.direction, _id: 1 })
          .limit(limit + 1)
          .toArray(),
      ]);
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      res.json({
        total,
        items: page.map(present),
        next: rows.length > limit ? encodeCursor(last[sort.field], last._id) : null,
        tookMs: Math.round((performance.now() - started) * 1000) / 1000,
      });
    }),
  );

  routes.get(
    '/products/:sku',
    handle(async (req, res) => {
      const product = await findProduct(products, req.params.sku);
      await recent.viewed(req.session.user, product._id);
      // Express answers If-None-Match from the ETag that it makes of the body.
      res.set('Cache-Control', 'private, no-cache').json(present(product));
    }),
  );
  return routes;
}

/** The product, or a 404. */
export async function findProduct(products, sku) {
  const product = await products.findOne({ _id: String(sku) });
  if (!product) throw new HttpError(404, 'no such product');
  return product;
}

/** A query for MongoDB from `filter[...]`. Only what is named here gets through, and only as plain values. */
function catalogueFilter(filter = {}) {
  if (typeof filter !== 'object') throw new HttpError(400, 'bad filter');
  const where = {};
  for (const [key, value] of Object.entries(filter)) {
    if (key === 'category') where.category = String(value);
    else if (key === 'tags') where.tags = { $all: [value].flat().map(String) };
    else if (key === 'price') where.priceCents = priceRange(value);
    else throw new HttpError(400, `cannot filter by ${key}`);
  }
  return where;
}

function priceRange(range) {
  const bounds = {};
  for (const [key, value] of Object.entries(Object(range))) {
    const cents = Math.round(Number(value) * 100);
    if (!['gte', 'lte'].includes(key) || !Number.isFinite(cents)) throw new HttpError(400, 'bad price range');
    bounds[`$${key}`] = cents;
  }
  return bounds;
}

function catalogueSort(text = 'name') {
  const name = String(text);
  const field = SORTS[name.replace(/^-/, '')];
  if (!field) throw new HttpError(400, `cannot sort by ${name}`);
  return { field, direction: name.startsWith('-') ? -1 : 1 };
}

/** Rows that come after `[value, id]` in the order of `sort`. */
function beyond({ field, direction }, [value, id]) {
  const operator = direction === 1 ? '$gt' : '$lt';
  return { $or: [{ [field]: { [operator]: value } }, { [field]: value, _id: { $gt: id } }] };
}
