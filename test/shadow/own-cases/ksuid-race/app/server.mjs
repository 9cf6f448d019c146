import express from 'express';
import Redis from 'ioredis';
import KSUID from 'ksuid';
import pLimit from 'p-limit';

const redis = new Redis(process.env.REDIS_URL);
const newId = () => KSUID.randomSync().string;
const nap = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 6));
const app = express();
app.use(express.json());

app.post('/jobs', async (req, res) => {
  res.status(201).json(await run({ tag: req.body.tag, n: req.body.n }, req.body.n));
});
app.get('/stats', async (req, res) => {
  res.json({ tasks: await redis.scard('tasks'), up: process.uptime(), pid: process.pid });
});
app.get('/stats.csv', async (req, res) => {
  const keys = await redis.keys('job:*');
  const rows = await Promise.all(
    keys.map(async (key) => {
      const { tag, n, made } = await redis.hgetall(key);
      return [key.slice('job:'.length), tag, n, made].join();
    }),
  );
  res.type('csv').send(['job,tag,n,made', ...rows, ''].join('\n'));
});
app.use('/jobs/:id', async (req, res, next) => {
  req.job = await redis.hgetall('job:' + req.params.id);
  if (req.job.tag) next();
  else res.status(404).json({ error: 'no job ' + req.params.id });
});
app.post('/jobs/:id/retry', async (req, res) => {
  res.status(202).json({ of: req.params.id, ...(await run({ ...req.job, of: req.params.id }, req.body.n)) });
});
app.get('/jobs/:id/done', async (req, res) => {
  res.json((await doneOf(req.params.id)).map(({ task }) => task));
});
app.get('/jobs/:id', async (req, res) => {
  const done = await doneOf(req.params.id);
  if (req.query.sorted) done.sort((a, b) => a.i - b.i);
  res.json({ id: req.params.id, ...req.job, done });
});
app.listen(process.env.PORT);

async function run(fields, n) {
  const job = newId();
  await redis.hset('job:' + job, { ...fields, made: Math.floor(Date.now() / 1000) });
  const limit = pLimit(4);
  const done = [];
  await Promise.all(
    Array.from({ length: n }, (_, i) =>
      limit(async () => {
        await nap();
        const task = { task: newId(), i, at: new Date().toISOString() };
        done.push(task);
        await redis.rpush('done:' + job, JSON.stringify(task));
        await redis.sadd('tasks', task.task);
      }),
    ),
  );
  return { job, done };
}

async function doneOf(job) {
  return (await redis.lrange('done:' + job, 0, -1)).map((task) => JSON.parse(task));
}
