import { randomUUID } from 'node:crypto';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import semver from 'semver';

const app = new Hono();
const releases = ['2.0.0+linux', '1.4.2', '2.0.0+darwin', '1.10.0', '2.0.0-rc.1', '1.4.2+b2', '1.4.2+b1'];
const downloads = {};
app.get('/releases', (c) => {
  const list = semver.sort([...releases]).map((version) => ({
    version,
    downloads: (downloads[version] ??= 0),
    url: `https://cdn.test/${version}?sig=${randomUUID()}`,
  }));
  return c.json({ list, generated: Date.now(), etag: randomUUID() });
});
app.get('/releases/latest', (c) =>
  c.json({
    version: semver.maxSatisfying(releases, c.req.query('range') ?? '*'),
    at: new Date().toISOString(),
  }),
);
app.post('/releases/:v/download', (c) => {
  const v = decodeURIComponent(c.req.param('v'));
  downloads[v] = (downloads[v] ?? 0) + 1;
  return c.json({ v, ticket: randomUUID(), n: downloads[v] });
});
app.get('/check', (c) =>
  c.json({
    ok: semver.satisfies(c.req.query('v'), c.req.query('range')),
    clean: semver.clean(c.req.query('v') ?? ''),
    lap: performance.now(),
  }),
);
serve({ fetch: app.fetch, port: Number(process.env.PORT) });
