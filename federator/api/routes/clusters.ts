import { z } from 'zod';
import { nameSchema } from '../../../common/index.js';
import { activeRole, type ApiOptions } from '../role.js';
import { addClusterSchema, clusterSchema } from '../schemas.js';
import type { TypedServer } from './types.js';

const accepted = z.object({ operation: z.string() });
const named = z.object({ name: nameSchema });

export function clusterRoutes(app: TypedServer, options: ApiOptions): void {
  app.get(
    '/v1/clusters',
    { schema: { summary: 'All clusters', response: { 200: z.array(clusterSchema) } } },
    async () => (await activeRole(options)).views.clusters(),
  );
  app.post(
    '/v1/clusters',
    { schema: { summary: 'Add a cluster', body: addClusterSchema, response: { 202: accepted } } },
    async ({ body }, reply) => {
      const { commands } = await activeRole(options);
      return reply.code(202).send({ operation: await commands.addCluster(body.name, body.config, body.app) });
    },
  );
  app.delete(
    '/v1/clusters/:name',
    { schema: { summary: 'Drain and remove a cluster', params: named, response: { 202: accepted } } },
    async ({ params }, reply) => {
      const { commands } = await activeRole(options);
      return reply.code(202).send({ operation: await commands.removeCluster(params.name) });
    },
  );
  app.route({
    method: ['GET', 'HEAD'],
    url: '/v1/clusters/:name/agent/*',
    schema: {
      summary: "The pages of a cluster's agent, passed through",
      params: named.extend({ '*': z.string() }),
    },
    handler: async ({ params, raw, url }, reply) => {
      await (await activeRole(options)).views.cluster(params.name);
      const query = url.includes('?') ? url.slice(url.indexOf('?')) : '';
      reply.hijack();
      options.forwarder.toAgent(raw, reply.raw, options.agentSocket(params.name), `/${params['*']}${query}`);
    },
  });
}
