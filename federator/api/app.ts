import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance } from 'fastify';
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import { DharmaError } from '../../common/index.js';
import { sameToken } from '../home/token.js';
import { FORWARDED_HEADER } from '../server/forward.js';
import { errorHandler } from './errors.js';
import { noActiveInstance, type ApiOptions } from './role.js';
import { clusterRoutes } from './routes/clusters.js';
import { assetRoutes } from './routes/assets.js';
import { federationRoutes } from './routes/federation.js';
import { tuningRoutes } from './routes/tuning.js';
import { upgradeRoutes } from './routes/upgrades.js';

/** Pages that tell nothing of the federation: whether somebody is here, and what can be asked. */
const OPEN_PAGES: ReadonlySet<string> = new Set(['/v1/health', '/v1/openapi.json']);

/** Largest body an operator may send, bytes: configs are small. */
const BODY_LIMIT = 1024 * 1024;

/** The HTTP API, version 1. Not yet listening. */
export async function createApi(options: ApiOptions): Promise<FastifyInstance> {
  const app = fastify({ logger: false, bodyLimit: BODY_LIMIT, forceCloseConnections: true });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(errorHandler(options.log));
  app.setNotFoundHandler(async (request, reply) => {
    const error = {
      code: 'NO_SUCH_PAGE',
      message: `no ${request.method} ${request.url}`,
      remedy: 'See /v1/openapi.json.',
    };
    await reply.code(404).send({ error });
  });
  app.addHook('onRequest', async (request) => {
    if (!OPEN_PAGES.has(request.url)) checkToken(request.headers.authorization, options.token);
  });
  app.addHook('onRequest', async (request, reply) => {
    if (OPEN_PAGES.has(request.url)) return;
    const role = await options.role();
    if (role.active) return;
    if (role.url === undefined || request.headers[FORWARDED_HEADER] !== undefined) throw noActiveInstance();
    reply.hijack();
    options.forwarder.toInstance(request.raw, reply.raw, role.url, options.instance.name);
  });
  await app.register(swagger, {
    openapi: {
      info: { title: 'dharma federation', version: '1', description: 'What `federate` does, over HTTP.' },
      components: { securitySchemes: { operator: { type: 'http', scheme: 'bearer' } } },
      security: [{ operator: [] }],
    },
    transform: jsonSchemaTransform,
  });
  await app.register(async (scope) => {
    const typed = scope.withTypeProvider<ZodTypeProvider>();
    typed.get('/v1/openapi.json', { schema: { hide: true } }, async () => app.swagger());
    federationRoutes(typed, options);
    assetRoutes(typed, options);
    clusterRoutes(typed, options);
    upgradeRoutes(typed, options);
    tuningRoutes(typed, options);
  });
  return app;
}

function checkToken(authorization: string | undefined, token: string): void {
  const given = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];
  if (given !== undefined && sameToken(given, token)) return;
  throw new DharmaError({
    code: 'TOKEN_WRONG',
    message: given === undefined ? 'an operator token is needed' : 'the operator token is not the right one',
    remedy:
      "Send 'Authorization: Bearer TOKEN' with the token that stands in the home folder's file 'token'.",
    httpStatus: 401,
  });
}
