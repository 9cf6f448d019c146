import type {
  AcceptedRule,
  AppLauncher,
  ArmName,
  Clock,
  EarlierRuns,
  Exchange,
  ExchangeSource,
  Logger,
  OutboundSource,
  Release,
  ShadowStatus,
} from '../common/index.js';
import type { Journal } from './resume/journal.js';
import type { ArmLimits, PrepareArms } from './arms-contract.js';

/** How a shadow upgrade is run. */
export interface ShadowOptions {
  /** The upgrade's id, for logs and the report. */
  readonly upgrade: string;
  /** An empty folder of this upgrade's own; removed by nobody but its owner. */
  readonly workDir: string;
  readonly old: Release;
  readonly new: Release;
  /** Live's stores, by URI. They are only read. */
  readonly live: { readonly mongo?: string; readonly databases?: readonly string[]; readonly redis?: string };
  /** Env name → live's writable folder. */
  readonly writable?: Readonly<Record<string, string>>;
  /** Env name → the real address live calls. Default: the old release's manifest. */
  readonly outboundUrls?: Readonly<Record<string, string>>;
  /** The env live's nodes have on top of their release's, without stores, outbound addresses and folders. */
  readonly env?: Readonly<Record<string, string>>;
  /** The same for the new release, where the update changes a cluster's config. Default: `env`. */
  readonly newEnv?: Readonly<Record<string, string>>;
  /** Name of a cron, or task, of the app whose runs are laid over the replay in the new arms. */
  readonly cron?: string;
  /** What a copy of each release may take of the machine. Default: what there is. */
  readonly limits?: ArmLimits;
  /** What of the update no arm can show, for the report. */
  readonly caveats?: readonly string[];
  /** What live answers. Closed by `stop()`. */
  readonly exchanges: ExchangeSource;
  /** What live calls out to. Closed by `stop()`. */
  readonly outbound?: OutboundSource;
  readonly launcher: AppLauncher;
  /** `2x2` (default): two arms of each release. `1x1`: one of each, and live as the second old one. */
  readonly arms?: '2x2' | '1x1';
  /** Live's nodes stand behind a proxy that adds X-Forwarded-*. Default true. */
  readonly forwarded?: boolean;
  /** Give Node arms live's time and seeded randomness. Default true. */
  readonly determinism?: boolean;
  /** Read the effects of each exchange apart, where live has a quiet moment between them, even if that lags. Default false. */
  readonly eachApart?: boolean;
  /** Go on where nothing can keep the arms from the outside: the operator's explicit word. */
  readonly unguarded?: boolean;
  /** What the report does not keep, besides what the releases' manifests name and the usual secrets. */
  readonly redact?: readonly string[];
  /** Differences accepted already. */
  readonly accepted?: readonly AcceptedRule[];
  /** What was found by runs of this upgrade that were killed. */
  readonly earlier?: EarlierRuns;
  /** The report's error rate: the chance that it reports a change where none is, through noise. Default 0.05. */
  readonly alpha?: number;
  /** Bytes of disk that captured exchanges may take while they wait. Default: a share of what is free (SPOOL_SHARE). */
  readonly spoolBytes?: number;
  /** Keep the first of what is replayed, to be replayed again: a quarter of `spoolBytes`. Default false. */
  readonly keep?: boolean;
  /** The exchanges come after what the stores hold, whenever these were copied: all of them are replayed. Default false. */
  readonly afterClone?: boolean;
  /** Outlives this process, with the arms and what was captured: a later one goes on by it. Default: none. */
  readonly journal?: Journal;
  /** Decides which sessions are copied; the same in each process of a run. Default: random. */
  readonly sampleKey?: Uint8Array;
  /** Share of live's sessions that are copied, 0..1; each wholly or not at all. Default 1. */
  readonly sample?: number;
  readonly clock?: Clock;
  readonly log: Logger;
  /** Ends the run as `stop()` does. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (status: ShadowStatus) => void;
  /** The number the report calls an exchange by. Default: the order of capture, from 0. */
  readonly indexOf?: (exchange: Exchange) => number;
  /** Starts the arms; replaced in tests. */
  readonly prepare?: PrepareArms;
}

export const DEFAULT_ALPHA = 0.05;

export function armNames(arms: ShadowOptions['arms']): readonly ArmName[] {
  return arms === '1x1' ? ['old-a', 'new-a'] : ['old-a', 'old-b', 'new-a', 'new-b'];
}
