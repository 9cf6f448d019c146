import Hapi from '@hapi/hapi';
import Redis from 'ioredis';
import short from 'short-uuid';

const redis = new Redis(process.env.REDIS_URL);
const server = Hapi.server({ port: process.env.PORT });
const translator = short(short.constants?.flickrBase58);
const cookieTranslator = short('0123456789abcdef');
server.route([
  {
    method: 'POST',
    path: '/links',
    handler: async (request, h) => {
      const id = translator.new();
      await redis.hset('link:' + id, { to: request.payload.to, hits: 0, owner: cookieTranslator.new() });
      return h.response({ id, href: '/l/' + id, created: new Date() }).code(201);
    },
  },
  {
    method: 'GET',
    path: '/l/{id}',
    handler: async (request, h) => {
      const to = await redis.hget('link:' + request.params.id, 'to');
      if (!to) return h.response({ message: 'unknown link ' + request.params.id }).code(404);
      await redis.hincrby('link:' + request.params.id, 'hits', 1);
      return h.redirect(to);
    },
  },
  {
    method: 'GET',
    path: '/fixed/{uuid}',
    handler: (request) => ({
      short: translator.fromUUID(request.params.uuid),
      at: Date.now(),
      nonce: translator.generate(),
    }),
  },
]);
await server.start();
