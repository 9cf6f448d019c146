import Fastify from 'fastify';
import { Queue } from 'bullmq';
import Redis from 'ioredis';

const connection = new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });
const queue = new Queue('mail', { connection });
const app = Fastify();
await queue.waitUntilReady();
app.post('/jobs', async (req, reply) => {
  const { name = 'send', data = {}, ...options } = req.body;
  const job = await queue.add(name, data, options);
  return reply.code(202).send({ id: job.id, name: job.name });
});
app.get('/jobs/:id', async (req, reply) => {
  const job = await queue.getJob(req.params.id);
  if (!job) return reply.code(404).send({ error: 'no job' });
  return { id: job.id, data: job.data, state: await job.getState(), queuedAt: job.timestamp };
});
app.get('/counts', async () => queue.getJobCounts('waiting', 'delayed', 'prioritized', 'paused'));
app.delete('/jobs/:id', async (req, reply) => {
  await queue.remove(req.params.id);
  return reply.code(204).send();
});
app.post('/pause', async () => (await queue.pause(), { paused: true }));
app.post('/resume', async () => (await queue.resume(), { paused: false }));
app.post('/drain', async () => (await queue.drain(true), { drained: true }));
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
