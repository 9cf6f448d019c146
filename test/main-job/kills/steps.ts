import type { UpgradeContext } from '../../../federator/upgrade/context.js';
import { upgradePlanners, type UpgradeOperation } from '../../../federator/upgrade/planners.js';
import type { OperationDocument, UpgradeDocument } from '../../../federator/state/documents.js';

/** The clusters of the federation that is killed: planners make a step for each. */
export const CLUSTERS = ['blue', 'green'] as const;

/** A way an operation can go: a rollback has two, before and after the promotion. */
export type Way =
  | Exclude<UpgradeOperation, 'rollback'>
  | 'deploy of configs'
  | 'rollback before promotion'
  | 'rollback'
  | 'rollback of configs';

/** What is asked of the planners for each way; a new kind of operation does not compile without one. */
const INPUTS: Readonly<
  Record<
    Way,
    { readonly kind: UpgradeOperation; readonly input: OperationDocument['input']; readonly ofConfigs?: true }
  >
> = {
  deploy: { kind: 'deploy', input: {} },
  'deploy of configs': { kind: 'deploy', input: {}, ofConfigs: true },
  'shadow-start': { kind: 'shadow-start', input: {} },
  'shadow-stop': { kind: 'shadow-stop', input: {} },
  promote: { kind: 'promote', input: { from: 'shadowing' } },
  rollback: { kind: 'rollback', input: { promoted: true } },
  'rollback of configs': { kind: 'rollback', input: { promoted: true }, ofConfigs: true },
  'rollback before promotion': { kind: 'rollback', input: { promoted: false } },
};

export const WAYS = Object.keys(INPUTS) as readonly Way[];

/** The names of a way's steps, as the planners themselves make them: a new step is in the matrix by itself. */
export async function stepsOf(way: Way): Promise<string[]> {
  const { kind, input, ofConfigs } = INPUTS[way];
  const configs = CLUSTERS.map((cluster) => ({ cluster })) as unknown as UpgradeDocument['configs'];
  const upgrade: Partial<UpgradeDocument> = {
    ...{ _id: 'u', base: 'r1', next: ofConfigs ? 'r1' : 'r2' },
    ...(ofConfigs && configs !== undefined ? { configs } : {}),
  };
  // Planning reads these two; steps are named here, not run.
  const context = {
    upgrades: { get: async () => upgrade },
    clusters: { list: async () => CLUSTERS.map((name) => ({ _id: name })) },
  } as unknown as UpgradeContext;
  const plan = await upgradePlanners(context)[kind]({
    _id: 'o',
    kind,
    subject: 'u',
    input,
  } as OperationDocument);
  return plan.map(({ name }) => name);
}
