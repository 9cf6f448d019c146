// An app as tests of the preload want it: it calls out in every way Node has, and tells what it saw.
import { createServer, request, get } from 'node:http';
import { createRequire } from 'node:module';

const { OUT, OTHER } = process.env;
const cjs = createRequire(import.meta.url)('http');

const viaRequest = (send, url, options) =>
  new Promise((resolve, reject) => {
    const call = send(url, options ?? {}, (answer) => answer.resume().on('end', resolve));
    call.on('error', reject);
    if (send !== get) call.end(options?.method === 'POST' ? 'body' : undefined);
  });

const ways = {
  request: () => viaRequest(request, `${OUT}/request`, { method: 'POST' }),
  get: () => viaRequest(get, `${OUT}/get`),
  commonjs: () => viaRequest(cjs.request, `${OUT}/commonjs`, { method: 'POST' }),
  options: () => {
    const { hostname, port } = new URL(OUT);
    return viaRequest((options, _, done) => request(options, done), { hostname, port, path: '/options' });
  },
  array: () => viaRequest(request, `${OUT}/array`, { headers: ['x-a', '1', 'host', new URL(OUT).host] }),
  fetch: () => fetch(`${OUT}/fetch`, { method: 'POST', body: 'x' }).then((r) => r.text()),
  other: () => viaRequest(request, `${OTHER}/other`),
  otherFetch: () => fetch(`${OTHER}/otherFetch`).then((r) => r.text()),
  late: () => new Promise((resolve) => setTimeout(resolve, 20)).then(() => viaRequest(get, `${OUT}/late`)),
};

const server = createServer((req, res) => {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  // From an event of the body on purpose: that is where the context is easily lost.
  req.on('end', async () => {
    await ways[req.url.slice(1)]();
    res.end(JSON.stringify({ headers: Object.keys(req.headers), bytes: Buffer.concat(chunks).length }));
  });
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('disconnect', () => process.exit());
