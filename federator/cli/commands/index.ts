import type { Command } from '../command.js';
import { addCluster } from './add-cluster.js';
import { assetsPurge } from './assets-purge.js';
import { deploy } from './deploy.js';
import { doctor } from './doctor.js';
import { down } from './down.js';
import { endpoints } from './endpoints.js';
import { explain } from './explain.js';
import { logs } from './logs.js';
import { migrateCommand } from './migrate.js';
import { plan } from './plan.js';
import { promote } from './promote.js';
import { removeCluster } from './remove-cluster.js';
import { replaceProxy } from './replace-proxy.js';
import { rollback } from './rollback.js';
import { shadowAccept } from './shadow-accept.js';
import { shadowAccepted } from './shadow-accepted.js';
import { shadowReport } from './shadow-report.js';
import { shadowReview } from './shadow-review.js';
import { shadowStart } from './shadow-start.js';
import { shadowStatus } from './shadow-status.js';
import { shadowStop } from './shadow-stop.js';
import { shadowTry } from './shadow-try.js';
import { shadowUnaccept } from './shadow-unaccept.js';
import { status } from './status.js';
import { tuningOff, tuningOn, tuningPin, tuningStatus, tuningUndo, tuningUnpin } from './tuning.js';
import { up } from './up.js';

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  up,
  down,
  status,
  addCluster,
  removeCluster,
  replaceProxy,
  deploy,
  endpoints,
  plan,
  explain,
  tuningStatus,
  tuningOn,
  tuningOff,
  tuningPin,
  tuningUnpin,
  tuningUndo,
  shadowStart,
  shadowStatus,
  shadowReport,
  shadowReview,
  shadowAccept,
  shadowAccepted,
  shadowUnaccept,
  shadowStop,
  shadowTry,
  promote,
  rollback,
  assetsPurge,
  logs,
  doctor,
  migrateCommand,
];
