import { tuningSchema } from '../../tuning/view.js';
import { activeRole, type ApiOptions } from '../role.js';
import { tuningOrderSchema } from '../schemas.js';
import type { TypedServer } from './types.js';

export function tuningRoutes(app: TypedServer, options: ApiOptions): void {
  app.get(
    '/v1/tuning',
    { schema: { summary: 'What tuning does, did, and why', response: { 200: tuningSchema } } },
    async () => (await activeRole(options)).views.tuning(),
  );
  app.post(
    '/v1/tuning',
    {
      schema: {
        summary: 'Turn tuning on or off, take back what it took last, or leave a cluster alone',
        body: tuningOrderSchema,
        response: { 200: tuningSchema },
      },
    },
    async ({ body }) => {
      const { commands, views } = await activeRole(options);
      await commands.tuning(body);
      return views.tuning();
    },
  );
}
