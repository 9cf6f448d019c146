import { z } from 'zod';
import { DharmaError, nameSchema } from '../../../common/index.js';
import { activeRole, type ApiOptions } from '../role.js';
import {
  deploySchema,
  endpointsSchema,
  explanationsSchema,
  operationSchema,
  statusSchema,
} from '../schemas.js';
import { operationView } from '../views.js';
import type { TypedServer } from './types.js';

const accepted = z.object({ operation: z.string() });

export function federationRoutes(app: TypedServer, options: ApiOptions): void {
  app.get(
    '/v1/health',
    { schema: { summary: 'Whether this instance answers, and whether it is the active one', security: [] } },
    async () => ({ instance: options.instance.name, active: (await options.role()).active }),
  );
  app.get(
    '/v1/status',
    { schema: { summary: 'The whole federation', response: { 200: statusSchema } } },
    async (request) => {
      const { views } = await activeRole(options);
      return views.status({ name: options.instance.name, url: `http://${request.host}` });
    },
  );
  const asked = z.object({ cluster: nameSchema.optional() });
  app.get(
    '/v1/endpoints',
    { schema: { summary: 'The route map', querystring: asked, response: { 200: endpointsSchema } } },
    async ({ query }) => (await activeRole(options)).views.endpoints(query.cluster),
  );
  app.get(
    '/v1/plan',
    {
      schema: {
        summary: 'What the next decisions on size would be; nothing comes of it',
        querystring: asked,
        response: { 200: explanationsSchema },
      },
    },
    async ({ query }) => (await activeRole(options)).views.explanations('next', query.cluster),
  );
  app.get(
    '/v1/explain',
    {
      schema: {
        summary: 'Why the clusters have so many nodes',
        querystring: asked,
        response: { 200: explanationsSchema },
      },
    },
    async ({ query }) => (await activeRole(options)).views.explanations('last', query.cluster),
  );
  app.get(
    '/v1/operations/:id',
    {
      schema: {
        summary: 'One piece of long work',
        params: z.object({ id: z.string() }),
        response: { 200: operationSchema },
      },
    },
    async ({ params }) => {
      const { commands } = await activeRole(options);
      const operation = await commands.operation(params.id);
      if (operation === undefined) throw operationUnknown(params.id);
      return operationView(operation);
    },
  );
  app.post(
    '/v1/deploys',
    {
      schema: {
        summary: 'Bring a folder or other static files, and other configs, to clusters',
        body: deploySchema,
        response: { 202: accepted },
      },
    },
    async ({ body }, reply) => {
      const { commands } = await activeRole(options);
      return reply.code(202).send({ operation: await commands.deploy(body) });
    },
  );
  app.post(
    '/v1/rollback',
    { schema: { summary: 'Take back the last promotion, or end the shadow', response: { 202: accepted } } },
    async (_request, reply) => {
      const { commands } = await activeRole(options);
      return reply.code(202).send({ operation: await commands.rollback() });
    },
  );
}

function operationUnknown(id: string): DharmaError {
  return new DharmaError({
    code: 'OPERATION_UNKNOWN',
    message: `there is no operation "${id}"`,
    remedy: 'Open operations stand in /v1/status.',
    httpStatus: 404,
  });
}
