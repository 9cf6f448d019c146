import Fastify from 'fastify';
import yaml from 'js-yaml';
import json2csv from 'json2csv';
import { randomUUID } from 'node:crypto';

const app = Fastify();
const rows = [
  {
    sku: 'A-1',
    name: 'Lamp, brass',
    price: 39.9,
    tags: ['light', 'desk'],
    note: 'on: yes\nand more',
    when: new Date(86400e3),
  },
  { sku: 'B-2', name: 'Desk "Oak"', price: 349, tags: [], note: '', when: null },
  {
    sku: '010',
    name: 'Ümlaut café',
    price: 1e21,
    tags: ['a'],
    note: 'x'.repeat(90) + ' ' + 'y'.repeat(40),
    when: new Date(0),
  },
];
app.get('/export.yaml', (req, reply) =>
  reply.type('text/yaml').send(yaml.dump({ id: randomUUID(), made: new Date(), rows })),
);
app.get('/export-min.yaml', (req, reply) =>
  reply
    .type('text/yaml')
    .send(
      yaml.dump(
        { id: randomUUID(), flow: rows.map((r) => ({ sku: r.sku, price: r.price })) },
        { flowLevel: 2 },
      ),
    ),
);
app.get('/export.csv', (req, reply) =>
  reply
    .type('text/csv')
    .send(
      json2csv.parse(
        rows.map(({ sku, name, price }) => ({ sku, name, price, exportId: randomUUID(), at: Date.now() })),
      ),
    ),
);
app.get('/sexagesimal.yaml', (req, reply) =>
  reply.type('text/yaml').send(
    yaml.dump({
      at: new Date().toISOString(),
      trace: randomUUID(),
      time: '12:30:45',
      oct: '0o17',
      legacy: '017',
      nothing: '~',
      url: 'http://x.test/#a',
      dash: '-',
      multi: 'a\nb\n',
      quote: "it's",
    }),
  ),
);
app.post('/import', { config: {} }, async (req) => ({ id: randomUUID(), doc: yaml.load(req.body.text) }));
app.listen({ port: Number(process.env.PORT), host: '0.0.0.0' });
