import express, { Router } from 'express';
import { signIn } from './accounts.js';
import { addToCart, cartLines, sumCents } from './cart.js';
import { findProduct, present } from './catalogue.js';
import { escapeHtml, handle } from './errors.js';
import { checkCsrf, csrfToken } from './sessions.js';

const FEATURED = ['desk-oak', 'chair-mesh', 'lamp-desk', 'note-a5', 'pen-ink'];

/** The pages for people. */
export function pageRoutes({ products, users }, recent) {
  const routes = Router();
  const form = express.urlencoded({ extended: true });

  routes.get(
    '/',
    handle(async (req, res) => {
      const rows = await products
        .find({ _id: { $in: FEATURED } })
        .sort({ name: 1 })
        .toArray();
      const items = rows.map(
        (row) => `<li><a href="/p/${row._id}">${escapeHtml(row.name)}</a> ${euros(row.priceCents)}</li>`,
      );
      send(req, res, 'Shop', `<ul class="products">${items.join('')}</ul>`);
    }),
  );

  routes.get(
    '/p/:sku',
    handle(async (req, res) => {
      const product = await findProduct(products, req.params.sku);
      await recent.viewed(req.session.user, product._id);
      send(req, res, product.name, productPage(req, product));
    }),
  );

  // Where products stood before the shop was rebuilt: old links live long.
  routes.get('/product/:sku', (req, res) => res.redirect(301, `/p/${encodeURIComponent(req.params.sku)}`));

  routes.get(
    '/cart',
    handle(async (req, res) => {
      const lines = await cartLines(products, req.session.cart);
      const rows = lines.map(
        (line) => `<tr><td>${escapeHtml(line.name)}<td>${line.quantity}<td>${euros(line.sumCents)}`,
      );
      send(req, res, 'Cart', `<table>${rows.join('')}</table><p>Total ${euros(sumCents(lines))}</p>`);
    }),
  );

  routes.post(
    '/cart',
    form,
    checkCsrf,
    handle(async (req, res) => {
      await addToCart(products, req, req.body.sku, req.body.quantity);
      res.redirect('back');
    }),
  );

  routes.get('/login', (req, res) => send(req, res, 'Sign in', loginPage(req)));

  routes.post(
    '/login',
    form,
    checkCsrf,
    handle(async (req, res) => {
      await signIn(users, req, req.body.name, req.body.password);
      res.redirect(303, '/account');
    }),
  );

  routes.get(
    '/account',
    handle(async (req, res) => {
      const { user } = req.session;
      if (!user) return res.redirect('/login');
      const seen = (await recent.list(user)).map((sku) => `<li><a href="/p/${sku}">${sku}</a></li>`);
      send(
        req,
        res,
        'Account',
        `<p>Signed in as ${escapeHtml(user.name)}.</p><ul class="recent">${seen.join('')}</ul>`,
      );
    }),
  );
  return routes;
}

const euros = (cents) => `&euro;${(cents / 100).toFixed(2)}`;

const csrfField = (req) => `<input type="hidden" name="_csrf" value="${csrfToken(req)}">`;

function productPage(req, product) {
  const { sku, price, tags, description, available } = present(product);
  return `<p>${escapeHtml(description)}</p><p class="price">&euro;${price.toFixed(2)}</p>
<p>${tags.map((tag) => `<span class="tag">${escapeHtml(tag)}</span>`).join(' ')}</p>
<form method="post" action="/cart">${csrfField(req)}<input type="hidden" name="sku" value="${sku}">
<input name="quantity" value="1" size="2"> <button${available ? '' : ' disabled'}>Add to cart</button></form>`;
}

function loginPage(req) {
  return `<form method="post" action="/login">${csrfField(req)}<label>Name <input name="name"></label>
<label>Password <input name="password" type="password"></label> <button>Sign in</button></form>`;
}

function send(req, res, title, body) {
  const { cspNonce: nonce } = res.locals;
  const who = req.session.user ? escapeHtml(req.session.user.name) : '<a href="/login">Sign in</a>';
  res.type('html').send(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<link rel="stylesheet" href="/assets/shop.css?v=1"><script src="/assets/shop.js?v=1" defer></script></head>
<body><header><a href="/">Shop</a> <a href="/cart">Cart</a> ${who}</header>
<main><h1>${escapeHtml(title)}</h1>
${body}
</main><footer>Page made at ${new Date().toISOString()}</footer>
<script nonce="${nonce}">document.documentElement.classList.add('js');</script></body></html>
`);
}
