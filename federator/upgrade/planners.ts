import type { Planners } from '../operations/plan.js';
import type { UpgradeContext } from './context.js';
import { deployPlanner, promotePlanner, rollbackPlanner } from './promote-planners.js';
import { shadowStartPlanner, shadowStopPlanner } from './shadow-planners.js';

/** What an upgrade's way is made of. */
export type UpgradeOperation = 'deploy' | 'shadow-start' | 'shadow-stop' | 'promote' | 'rollback';

/** The planners of all operations on upgrades: each step that moves an upgrade's state is one of theirs. */
export function upgradePlanners(context: UpgradeContext): Pick<Planners, UpgradeOperation> {
  return {
    deploy: deployPlanner(context),
    'shadow-start': shadowStartPlanner(context),
    'shadow-stop': shadowStopPlanner(context),
    promote: promotePlanner(context),
    rollback: rollbackPlanner(context),
  };
}
