import type { ReleaseStore } from '../../common/index.js';
import type { Reconciler } from '../clusters/reconciler.js';
import type { SupervisorClient } from '../daemon/client.js';
import type { ClusterStore } from '../state/cluster-store.js';
import type { Database } from '../state/database.js';
import type { ReleaseRecords } from '../state/release-records.js';
import type { UpgradeStore } from '../state/upgrade-store.js';

/** What the steps of upgrades work with. */
export interface UpgradeContext {
  readonly database: Database;
  readonly clusters: ClusterStore;
  readonly upgrades: UpgradeStore;
  readonly releases: ReleaseStore;
  readonly records: ReleaseRecords;
  readonly reconciler: Reconciler;
  readonly supervisor: SupervisorClient;
  /** How long the old nodes stay warm after a promotion, where the promotion does not say. */
  readonly rollbackWindowMs: number;
  /** Makes the operations of an upgrade that have not ended turn back, and waits until they have. */
  readonly cancelOthers: (upgrade: string, besides: string, signal: AbortSignal) => Promise<void>;
}
