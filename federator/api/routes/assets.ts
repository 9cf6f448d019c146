import { z } from 'zod';
import { activeRole, type ApiOptions } from '../role.js';
import { purgeSchema } from '../schemas.js';
import type { TypedServer } from './types.js';

export function assetRoutes(app: TypedServer, options: ApiOptions): void {
  app.post(
    '/v1/assets/purge',
    {
      schema: {
        summary: 'Forget stored answers of assets by prefix',
        body: purgeSchema,
        response: { 200: z.object({ count: z.int() }) },
      },
    },
    async ({ body }) => ({ count: await (await activeRole(options)).commands.purgeAssets(body.prefix) }),
  );
}
