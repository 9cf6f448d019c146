import { z } from 'zod';
import { nameSchema } from '../../../common/index.js';
import { identitySchema } from '../../daemon/protocol.js';
import { activeRole, type ApiOptions } from '../role.js';
import { addClusterSchema, clusterSchema, configureSchema } from '../schemas.js';
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
  app.patch(
    '/v1/clusters/:name',
    {
      schema: {
        summary: 'Give a running cluster another config; rollback takes it back',
        params: named,
        body: configureSchema,
        response: { 202: accepted },
      },
    },
    async ({ params, body }, reply) => {
      const { commands } = await activeRole(options);
      return reply.code(202).send({ operation: await commands.deploy({ ...body, cluster: params.name }) });
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
  app.post(
    '/v1/clusters/:name/proxy/replace',
    {
      schema: {
        summary: "Put another process in the place of a cluster's proxy, without a connection lost",
        params: named,
        response: { 200: identitySchema },
      },
    },
    async ({ params }) => (await activeRole(options)).commands.replaceProxy(params.name),
  );
  app.post(
    '/v1/edge/proxy/replace',
    {
      schema: {
        summary: "Put another process in the edge proxy's place, by federation.json as it now is",
        response: { 200: identitySchema },
      },
    },
    async () => (await activeRole(options)).commands.replaceProxy(undefined),
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
