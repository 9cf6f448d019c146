import Fastify from 'fastify';
import { z } from 'zod';
import { randomUUID } from 'node:crypto';

const app = Fastify({ genReqId: () => randomUUID() });
app.addHook('onSend', async (req, reply) => {
  reply.header('x-request-id', req.id);
  reply.header('server-timing', 'app;dur=' + reply.elapsedTime.toFixed(2));
});
const signup = z.object({
  name: z.string().min(2),
  email: z.string().email(),
  age: z.number().int().positive().optional(),
  tags: z.array(z.string()).max(3).default([]),
  plan: z.enum(['free', 'team']).default('free'),
});
const users = new Map();
app.post('/signup', async (req, reply) => {
  const parsed = signup.safeParse(req.body);
  if (!parsed.success)
    return reply
      .code(422)
      .send({ issues: parsed.error.issues.map(({ path, code, message }) => ({ path, code, message })) });
  const user = { id: randomUUID(), ...parsed.data, createdAt: new Date().toISOString() };
  users.set(user.id, user);
  return reply.code(201).send(user);
});
app.get(
  '/users/:id',
  async (req, reply) => users.get(req.params.id) ?? reply.code(404).send({ error: 'unknown' }),
);
app.get('/users', async () => ({ count: users.size, users: [...users.values()] }));
app.post('/coerce', async (req, reply) => {
  const parsed = z.object({ on: z.coerce.boolean(), n: z.coerce.number() }).safeParse(req.body);
  return parsed.success ? parsed.data : reply.code(422).send({ error: 'coerce' });
});
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
