import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import Redis from 'ioredis';
import slugify from 'slugify';
import { randomUUID } from 'node:crypto';

const redis = new Redis(process.env.REDIS_URL);
const app = new Hono();
app.post('/articles', async (c) => {
  const { title } = await c.req.json();
  const id = randomUUID();
  const slug = slugify(title, { lower: true });
  await redis
    .multi()
    .hset('article:' + id, { title, at: Date.now() })
    .set('slug:' + slug, id)
    .expire('slug:' + slug, 86400)
    .exec();
  return c.json({ id, title }, 201);
});
app.get('/articles/:id', async (c) => {
  const found = await redis.hgetall('article:' + c.req.param('id'));
  return found.title ? c.json({ title: found.title }) : c.json({ error: 'no article' }, 404);
});
app.get('/s/:slug', async (c) => {
  const id = await redis.get('slug:' + c.req.param('slug'));
  return id ? c.redirect('/articles/' + id) : c.notFound();
});
serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' });
