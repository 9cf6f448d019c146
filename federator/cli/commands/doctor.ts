import { ExitCode } from '../../../common/index.js';
import type { Finding } from '../../doctor/examine.js';
import type { Command } from '../command.js';

export const doctor: Command = {
  name: 'doctor',
  summary: 'check this machine, and say how to fix what is missing',
  description:
    'Looks at what dharma needs here. Exit code 3 when something is missing or weaker than it could be.',
  examples: ['federate doctor', 'federate doctor --json'],
  run: async ({ home, printer, signal }) => {
    printer.doing('looking at this machine');
    const { examine } = await import('../../doctor/examine.js');
    const findings = await examine(home, signal);
    return {
      data: { ok: findings.every(isGood), checks: findings },
      show: (out) => {
        const { colors: c } = out;
        const mark = { ok: c.green('ok  '), weak: c.yellow('weak'), missing: c.red('miss') };
        for (const { state, what, found, fix } of findings) {
          out.line(`${mark[state]}  ${what}: ${found}`);
          if (fix !== undefined) out.line(`      ${c.dim('fix:')} ${fix}`);
        }
      },
      exitCode: findings.every(isGood) ? ExitCode.ok : ExitCode.degraded,
    };
  },
};

function isGood(finding: Finding): boolean {
  return finding.state === 'ok';
}
