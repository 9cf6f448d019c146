import type { Command } from '../command.js';
import type { Upgrade } from '../../api/schemas.js';

export const rollback: Command = {
  name: 'rollback',
  summary: 'take back the last promotion, or end the shadow before one',
  description:
    'After a promotion the traffic goes back to the old nodes, which are kept warm for the rollback window. Before a promotion it ends remote1.',
  options: [{ flags: '-y, --yes', about: 'do not ask' }],
  examples: ['federate rollback', 'federate rollback --yes --json'],
  run: async ({ client, confirm, printer, signal }, { options }) => {
    const api = await client();
    const upgrade = await api.upgrade('current', signal).catch(() => undefined); // The API says why, below.
    const plan = planOf(upgrade);
    if (plan !== undefined) {
      printer.note(plan);
      await confirm.ask('Roll back?', options.yes === true);
    }
    const begun = performance.now();
    await api.follow(await api.rollback(signal), (doing) => printer.doing(doing), signal);
    const tookMs = Math.round(performance.now() - begun);
    const { live, upgrade: after } = await api.status(signal);
    printer.done(`rolled back in ${tookMs} ms; release ${live ?? '?'} is live`);
    return { data: { live, upgrade: after, tookMs } };
  },
};

function planOf(upgrade: Upgrade | undefined): string | undefined {
  switch (upgrade?.state) {
    case 'promoted':
      return `This moves all traffic back to release ${upgrade.base}, at once.`;
    case 'starting':
    case 'shadowing':
    case 'promoting':
    case 'stopped':
      return `This ends upgrade ${upgrade.id} and remote1; release ${upgrade.base} stays live.`;
    default:
      return undefined;
  }
}
