/**
 * A payment provider that takes no money: it answers charges and remembers them, so that whoever tries the shop can
 * count what was really charged. HOST and PORT from the environment.
 *
 *   POST /charges {amount, currency, source, reference}  201 {id, status: "succeeded"} or 402 {error}
 *   GET  /charges                                        {count, requests, declined, list}
 *
 * A repeated Idempotency-Key gets the first answer again and no second charge; `requests` counts it all the same.
 * `tok_declined` is declined.
 */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

const MAX_BODY_BYTES = 65_536;
/** The list is for people; the counts go on. */
const KEPT_IN_LIST = 10_000;

const state = { count: 0, requests: 0, declined: 0, list: [] };
const byKey = new Map();

function charge(body, key) {
  state.requests++;
  if (!Number.isInteger(body.amount) || body.amount <= 0)
    return [400, { error: 'amount must be whole cents' }];
  if (body.source === 'tok_declined') {
    state.declined++;
    return [402, { error: 'card declined' }];
  }
  if (key && byKey.has(key)) return [200, byKey.get(key)];
  const { amount, currency, reference } = body;
  const made = {
    id: `ch_${randomBytes(12).toString('hex')}`,
    status: 'succeeded',
    amount,
    currency,
    reference,
  };
  state.count++;
  state.list.push({ ...made, at: new Date().toISOString() });
  if (state.list.length > KEPT_IN_LIST) state.list.shift();
  if (key) byKey.set(key, made);
  return [201, made];
}

async function readJson(req) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of req) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Error('body too large');
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}

async function answer(req) {
  const { pathname } = new URL(req.url, 'http://stub');
  if (pathname === '/health') return [200, { ok: true }];
  if (pathname !== '/charges') return [404, { error: 'not found' }];
  if (req.method === 'GET') return [200, state];
  if (req.method !== 'POST') return [405, { error: 'GET or POST' }];
  try {
    return charge(await readJson(req), req.headers['idempotency-key']);
  } catch (error) {
    return [400, { error: error.message }];
  }
}

const server = createServer((req, res) => {
  answer(req).then(
    ([status, body]) =>
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
    (error) => res.destroy(error),
  );
});
server.on('error', (error) => {
  console.error(`payment-stub: ${error.message}`);
  process.exit(1);
});
server.listen(Number(process.env.PORT ?? 4000), process.env.HOST ?? '127.0.0.1', () => {
  const { address, port } = server.address();
  console.log(`payment-stub listening on http://${address}:${port}`);
});
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}
