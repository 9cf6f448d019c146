import type {
  AcceptedRule,
  ChangeSet,
  ClusterConfig,
  DharmaErrorJson,
  EarlierRuns,
  ShadowReport,
  ShadowStatus,
} from '../../common/index.js';
import type { TuningState, TuningStep } from '../tuning/state.js';

/** What stands in the federation's database. `epoch` is that of the lease under which a document was written last. */

export interface FederationDocument {
  readonly _id: 'federation';
  /** The release that clients are served by; null before the first one. */
  readonly live: string | null;
  /** Whether the edge copies its exchanges: a shadow is running. */
  readonly capture: boolean;
  /** Hash of what specs carry besides the clusters' documents (the app's store URIs…), as it was put last. */
  readonly surroundings?: string;
  readonly epoch: number;
}

export type ClusterState = 'adding' | 'live' | 'removing';

export interface ClusterDocument {
  /** Its name. */
  readonly _id: string;
  readonly config: ClusterConfig;
  readonly active: string;
  readonly warm: readonly string[];
  /** The config that nodes of a warm release have, by its id, where that is not `config`. */
  readonly warmConfigs?: Readonly<Record<string, ClusterConfig>>;
  /** Where its proxy listens. */
  readonly listen: { readonly address: string; readonly port: number };
  readonly recordOutbound: boolean;
  /** Rises with every change of what the agent is to bring about. */
  readonly generation: number;
  readonly state: ClusterState;
  /** Its share of the edge's traffic, in proportion to the others'; absent: 1. */
  readonly weight?: number;
  readonly createdAt: Date;
  readonly epoch: number;
}

export interface ReleaseDocument {
  readonly _id: string;
  readonly app: string;
  readonly base?: { readonly id: string; readonly change: ChangeSet };
  readonly createdAt: Date;
}

/**
 * The way of an upgrade. A shadow upgrade: starting → shadowing → promoting → promoted → settled, and off that way:
 * stopped (the shadow ended, its report stays), rolled-back, failed (undone). A deploy begins at promoting.
 */
export type UpgradeState =
  | 'starting'
  | 'shadowing'
  | 'stopped'
  | 'promoting'
  | 'promoted'
  | 'settled'
  | 'rolling-back'
  | 'rolled-back'
  | 'failed';

export interface ShadowRunOptions {
  readonly arms?: '2x2' | '1x1';
  /** The operator's word to go on where nothing keeps the arms from the outside. */
  readonly unguarded?: boolean;
  /** Bytes of disk that captured exchanges may take while they wait. */
  readonly spoolBytes?: number;
  /** Share of live's sessions that are copied, 0..1. */
  readonly sample?: number;
  /** Time for the trials of a round of attribution, ms; 0: none are made. */
  readonly attributeMs?: number;
  /** A cron, or task, of the app whose runs are laid over the replay. */
  readonly cron?: string;
  /** What its report does not keep. */
  readonly redact?: readonly string[];
}

/** A cluster's config before an upgrade, and as the upgrade has it. */
export interface ConfigChange {
  readonly cluster: string;
  readonly before: ClusterConfig;
  readonly after: ClusterConfig;
}

export interface UpgradeDocument {
  readonly _id: string;
  readonly kind: 'shadow' | 'deploy';
  readonly change: ChangeSet;
  /** The release that was live when it began, and the one it makes (known once it is installed). */
  readonly base: string;
  readonly next: string | null;
  /** Clusters whose config changes with it. Where nothing else does the release stays: `next` is `base`. */
  readonly configs?: readonly ConfigChange[];
  /** How the shadow is run; absent for a deploy. */
  readonly options?: ShadowRunOptions;
  readonly state: UpgradeState;
  /** True in starting, shadowing, promoting and rolling-back: the database allows one such document. */
  readonly running: boolean;
  readonly createdAt: Date;
  readonly promotedAt?: Date;
  /** Until when the old nodes stay warm. */
  readonly rollbackUntil?: Date;
  readonly endedAt?: Date;
  readonly error?: DharmaErrorJson;
  readonly epoch: number;
}

export type OperationKind =
  'add-cluster' | 'remove-cluster' | 'deploy' | 'shadow-start' | 'shadow-stop' | 'promote' | 'rollback';

export type StepState = 'running' | 'done' | 'undone' | 'failed';

export interface StepRecord {
  readonly name: string;
  readonly state: StepState;
  readonly at: Date;
}

/** Long work: written down here before BullMQ is told, and each step of it before it is taken. */
export interface OperationDocument {
  readonly _id: string;
  readonly kind: OperationKind;
  /** The cluster's name or the upgrade's id. */
  readonly subject: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly state: 'queued' | 'running' | 'done' | 'failed';
  readonly steps: readonly StepRecord[];
  /** For people: what it does now. */
  readonly doing: string;
  readonly error?: DharmaErrorJson;
  readonly createdAt: Date;
  readonly endedAt?: Date;
  readonly epoch: number;
}

/** What the shadow worker last told of an upgrade. */
export interface ReportDocument {
  readonly _id: string;
  readonly status: ShadowStatus;
  /** As the shadow tells it: what is accepted is marked when it is read. */
  readonly report: ShadowReport | null;
  /** The rules of its promotion, once it was promoted: what was accepted then stays marked. */
  readonly promotedWith?: readonly AcceptedRule[];
  /** What workers found that were killed before the one that tells this. */
  readonly earlier?: EarlierRuns;
  readonly at: Date;
}

/** An accepted difference; `_id` is the difference's id. */
export interface RuleDocument extends Omit<AcceptedRule, 'id' | 'at' | 'upgrade'> {
  readonly _id: string;
  readonly upgrade: string;
  readonly at: Date;
}

export interface DecisionDocument {
  readonly upgrade: string;
  readonly kind: 'accept' | 'unaccept' | 'promote' | 'rollback' | 'stop';
  readonly what: string;
  readonly at: Date;
}

/** What tuning remembers, and the last of what it did; the state is written before any of it is brought about. */
export interface TuningDocument {
  readonly _id: 'tuning';
  readonly state: TuningState;
  readonly steps: readonly TuningStep[];
  readonly epoch: number;
}

export interface AuditDocument {
  readonly what: string;
  readonly subject: string;
  readonly detail: string;
  readonly at: Date;
}
