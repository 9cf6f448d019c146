import { z } from 'zod';
import { acceptedRuleSchema, acceptedRulesSchema } from '../../../common/index.js';
import { activeRole, type ApiOptions } from '../role.js';
import {
  acceptSchema,
  promoteSchema,
  shadowDocumentSchema,
  startShadowSchema,
  upgradeSchema,
} from '../schemas.js';
import { upgradeView, withoutUndefined } from '../views.js';
import type { TypedServer } from './types.js';

const accepted = z.object({ operation: z.string() });
/** An upgrade's id, or `current`. */
const identified = z.object({
  id: z.string().regex(/^(current|u[0-9a-f]{8})$/, 'expected "current" or an upgrade\'s id'),
});

export function upgradeRoutes(app: TypedServer, options: ApiOptions): void {
  app.post(
    '/v1/upgrades',
    { schema: { summary: 'Start a shadow upgrade', body: startShadowSchema, response: { 202: accepted } } },
    async ({ body }, reply) => {
      const { commands } = await activeRole(options);
      const change = withoutUndefined(body.change);
      const shadow = {
        ...(body.arms === undefined ? {} : { arms: body.arms }),
        ...(body.redact === undefined ? {} : { redact: body.redact }),
        ...(body.unguarded === undefined ? {} : { unguarded: body.unguarded }),
        ...(body.spoolBytes === undefined ? {} : { spoolBytes: body.spoolBytes }),
        ...(body.attributeMs === undefined ? {} : { attributeMs: body.attributeMs }),
        ...(body.sample === undefined ? {} : { sample: body.sample }),
        ...(body.cron === undefined ? {} : { cron: body.cron }),
      };
      return reply.code(202).send({ operation: await commands.startShadow(change, shadow) });
    },
  );
  app.get(
    '/v1/upgrades/:id',
    { schema: { summary: 'One upgrade', params: identified, response: { 200: upgradeSchema } } },
    async ({ params }) => upgradeView(await (await activeRole(options)).views.upgrade(params.id)),
  );
  app.get(
    '/v1/upgrades/:id/shadow',
    {
      schema: {
        summary: "The shadow's status and report, as it told last",
        params: identified,
        response: {
          200: z.object({
            upgrade: z.string(),
            at: z.string(),
            status: shadowDocumentSchema,
            report: shadowDocumentSchema.nullable(),
          }),
        },
      },
    },
    async ({ params }) => {
      const told = await (await activeRole(options)).views.shadow(params.id);
      return {
        upgrade: told._id,
        at: told.at.toISOString(),
        status: { ...told.status },
        report: told.report === null ? null : { ...told.report },
      };
    },
  );
  app.post(
    '/v1/upgrades/current/stop',
    { schema: { summary: 'End the shadow; its report stays', response: { 202: accepted } } },
    async (_request, reply) => {
      const { commands } = await activeRole(options);
      return reply.code(202).send({ operation: await commands.stopShadow() });
    },
  );
  app.post(
    '/v1/upgrades/current/accept',
    {
      schema: {
        summary: 'Accept a difference as intended, in later upgrades too; it stays in the report, marked',
        body: acceptSchema,
        response: { 200: acceptedRuleSchema },
      },
    },
    async ({ body }) => {
      const { commands } = await activeRole(options);
      return commands.accept(body.difference, body.reason);
    },
  );
  app.get(
    '/v1/accepted',
    { schema: { summary: 'The rules of what is accepted', response: { 200: acceptedRulesSchema } } },
    async () => [...(await (await activeRole(options)).commands.acceptedRules())],
  );
  app.delete(
    '/v1/accepted/:id',
    {
      schema: {
        summary: 'Take back that a difference is accepted',
        params: z.object({ id: z.string() }),
        response: { 200: z.object({ unaccepted: z.string() }) },
      },
    },
    async ({ params }) => {
      await (await activeRole(options)).commands.unaccept(params.id);
      return { unaccepted: params.id };
    },
  );
  app.post(
    '/v1/upgrades/current/promote',
    {
      schema: {
        summary: 'Move all traffic to the new release',
        body: promoteSchema,
        response: { 202: accepted },
      },
    },
    async ({ body }, reply) => {
      const { commands } = await activeRole(options);
      return reply.code(202).send({ operation: await commands.promote(body) });
    },
  );
}
