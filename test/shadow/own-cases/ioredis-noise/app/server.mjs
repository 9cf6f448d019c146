import Fastify from 'fastify';
import Redis from 'ioredis';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomInt, randomUUID } from 'node:crypto';

const redis = new Redis(process.env.REDIS_URL);
const app = Fastify();
const scratch = mkdtempSync(join(tmpdir(), 'scratch-'));
app.addHook('onSend', async (req, reply) => {
  reply.header('x-took', reply.elapsedTime.toFixed(1) + 'ms').header('x-home', process.cwd());
});
app.post('/people/:name', async (req) => {
  await redis
    .multi()
    .sadd('people', req.params.name)
    .hset(
      'person:' + req.params.name,
      'home',
      join(process.cwd(), 'homes', req.params.name),
      'scratch',
      scratch,
    )
    .exec();
  return { added: req.params.name };
});
app.get('/winner', async () => ({ winner: await redis.srandmember('people') }));
app.get('/winners', async () => ({
  winners: await redis.srandmember('people', 2),
  people: await redis.smembers('people'),
}));
app.post('/log', async (req) => ({
  id: await redis.xadd('log', 'MAXLEN', '50', '*', 'text', req.body.text, 'run', randomUUID()),
}));
app.get('/log', async (req) => ({ entries: await redis.xrange('log', req.query.from ?? '-', '+') }));
app.get('/status', async (req, reply) => {
  const { heapUsed, rss } = process.memoryUsage();
  const started = performance.now();
  await redis.ping();
  return reply
    .type('text/plain')
    .send(
      [
        'status: fine',
        'memory: ' + (heapUsed / 1048576).toFixed(1) + ' MB of ' + Math.round(rss / 1048576) + ' MB',
        'ping: ' + (performance.now() - started).toFixed(1) + 'ms',
        'pid ' + process.pid + ', up ' + process.uptime().toFixed(0) + ' s',
        'dir ' + scratch,
        '',
      ].join('\n'),
    );
});
app.post('/notify', async () => {
  const answer = await fetch(process.env.OUTBOUND_URL + '/notify?from=' + encodeURIComponent(process.cwd()), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-attempt': randomUUID() },
    body: JSON.stringify({
      cwd: process.cwd(),
      roll: randomInt(1, 7),
      at: Date.now(),
      took: performance.now(),
    }),
  });
  return { status: answer.status };
});
app.post('/score/:name', async (req) => ({
  score: await redis.zincrby('scores', randomInt(1, 100), req.params.name),
}));
app.get('/scores', async () => ({ scores: await redis.zrevrange('scores', 0, -1, 'WITHSCORES') }));
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
