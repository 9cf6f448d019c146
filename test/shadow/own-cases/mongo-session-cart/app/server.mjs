import express from 'express';
import session from 'express-session';
import MongoStore from 'connect-mongo';
import mongoose from 'mongoose';

await mongoose.connect(process.env.MONGO_URL);
const Item = mongoose.model(
  'Item',
  new mongoose.Schema(
    {
      sku: { type: String, required: true, unique: true },
      price: Number,
      tags: [String],
      meta: { type: Map, of: String },
    },
    { timestamps: true },
  ),
);
const Order = mongoose.model(
  'Order',
  new mongoose.Schema(
    {
      by: String,
      lines: [{ item: { type: mongoose.Types.ObjectId, ref: 'Item' }, qty: { type: Number, min: 1 } }],
      state: { type: String, enum: ['open', 'paid'], default: 'open' },
      coupon: { type: String, default: null },
    },
    { timestamps: true },
  ),
);
const app = express();
app.use(express.json());
app.use(
  session({
    secret: 'mango',
    resave: false,
    saveUninitialized: false,
    store: MongoStore.create({ mongoUrl: process.env.MONGO_URL, ttl: 3600, touchAfter: 600 }),
    cookie: { maxAge: 3600e3 },
  }),
);
const wrap = (f) => (req, res) =>
  f(req, res).catch((error) =>
    res.status(error.name === 'ValidationError' ? 422 : 500).json({ error: error.message }),
  );
app.post(
  '/items',
  wrap(async (req, res) => res.status(201).json(await Item.create(req.body))),
);
app.get(
  '/items',
  wrap(async (req, res) =>
    res.json(
      await Item.find(req.query.tag ? { tags: req.query.tag } : {})
        .sort({ sku: 1 })
        .lean(),
    ),
  ),
);
app.post(
  '/cart',
  wrap(async (req, res) => {
    const item = await Item.findOne({ sku: req.body.sku });
    if (!item) return res.status(404).json({ error: 'no such item' });
    (req.session.cart ??= []).push({ item: String(item._id), qty: req.body.qty ?? 1 });
    res.json({ size: req.session.cart.length });
  }),
);
app.post(
  '/orders',
  wrap(async (req, res) => {
    const order = await Order.create({ by: req.body.by, lines: req.session.cart ?? [] });
    req.session.cart = [];
    res.status(201).json(order);
  }),
);
app.post(
  '/orders/:id/pay',
  wrap(async (req, res) =>
    res.json(
      await Order.findByIdAndUpdate(req.params.id, { state: 'paid', $unset: { coupon: 1 } }, { new: true }),
    ),
  ),
);
app.delete(
  '/items/:id',
  wrap(async (req, res) => {
    const gone = await Item.findByIdAndDelete(req.params.id);
    res.status(gone ? 200 : 404).json({ gone: gone?.sku ?? null });
  }),
);
app.get(
  '/count',
  wrap(async (req, res) =>
    res.json({ items: await Item.countDocuments(), orders: await Order.estimatedDocumentCount() }),
  ),
);
app.listen(process.env.PORT);
