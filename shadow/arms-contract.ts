import type {
  OutboundStub,
  AppLauncher,
  ArmName,
  Clock,
  GuardCount,
  Logger,
  NodeLimits,
  OutboundCall,
  Release,
  RunningApp,
} from '../common/index.js';
import type { Room } from './room/sizes.js';

/** Where the engine (replay, comparison) and the arms (mirror stores, guard, effects) meet. */

/**
 * A stored value as comparison sees it, JSON-like. What has no order stands in a marked object, so that a list and a
 * set are never taken for each other:
 * Redis: string → text; hash → `{hash: {field: value}}`; set → `{set: [...]}`; zset → `{zset: {member: score}}`;
 * list → `{list: [...]}`; stream → `{stream: [...]}`. Mongo documents: EJSON-like (`{$oid}`, `{$date: ISO}`, …).
 * Bytes that are not UTF-8: `{$binary: base64}`.
 */
export type EffectValue =
  null | boolean | number | string | readonly EffectValue[] | { readonly [key: string]: EffectValue };

/** One document, key or file that changed. */
export interface EffectEntry {
  readonly store: 'mongo' | 'redis' | 'file';
  /**
   * Raw, as the arm has it. Mongo: [collection, _id as EJSON] (`database.collection` where it is not the URI's);
   * Redis: [key], or ['db3', key], or ['(published)', channel]; file: ['ENV_NAME/path'].
   */
  readonly key: readonly string[];
  /** Undefined: was not there. */
  readonly before: EffectValue | undefined;
  /** Undefined: is not there any more. */
  readonly after: EffectValue | undefined;
  /** What is nowhere kept: `after` is a list that goes on where the last entry's of this key ended. */
  readonly appends?: true;
  /** Ids of the exchanges the app wrote it for, where its own context told. */
  readonly writers?: readonly string[];
  /** Redis: milliseconds to live; undefined: none. */
  readonly ttlBeforeMs?: number;
  readonly ttlAfterMs?: number;
}

/** What an arm's stores, files and calls show since the last collection. */
export interface EffectDelta {
  readonly entries: readonly EffectEntry[];
  readonly calls: readonly OutboundCall[];
  /** `store: why`, for what could not be read. */
  readonly notRead?: readonly string[];
}

/** One copy of the app with its mirror stores. */
export interface Arm {
  readonly name: ArmName;
  readonly app: RunningApp;
  readonly stores: { readonly mongo?: string; readonly redis?: string };
  readonly logFile: string;
  /** How long the last collection took, ms: the engine spaces collections so that they stay a small part of the work. */
  readonly collectCostMs: number;
  /**
   * What changed since the last collection (the first one: since the arm started). Only called while no exchange is in
   * flight in this arm; waits by itself until what the app does just after answering has settled.
   */
  collect(signal: AbortSignal): Promise<EffectDelta>;
  /** Starts the app again after it ended, on the same stores, as live's supervisor would. */
  restart?(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

/** An arm's text in live's terms. */
export type Canonical = (arm: ArmName, text: string) => string | Promise<string>;

/** Addresses (`host:port`) of the stores, and where the writable folder of an env name stands. */
export interface BegunWith {
  readonly mongo: string | undefined;
  readonly redis: string | undefined;
  folder(name: string): string;
}

/** All arms of one upgrade. The owner must `stop()` it. */
export interface ArmSet {
  readonly arms: readonly Arm[];
  /** CLOCK_MONOTONIC of this machine, ns, comparable with `Exchange.startedNs`. */
  readonly cloneStartedNs: bigint;
  readonly cloneEndedNs: bigint;
  readonly cloneMs: number;
  /** Copies of live's stores and folders as every arm began with them, which nobody writes. */
  readonly begun?: BegunWith | undefined;
  /** What the copies cannot promise, for the report. */
  readonly caveats?: readonly string[];
  guard(): GuardCount;
  /** What live's own call got: the guard's answer for the arms' calls of the same exchange. */
  liveCall(call: OutboundCall): void;
  /** The exchange is done in every arm: what was recorded for it may go. */
  forget(exchangeId: string): void;
  /** Says an arm's text in live's terms (arm-issued values replaced by live's), for matching calls with recorded ones. */
  setCanonical?(canonical: Canonical): void;
  stop(): Promise<void>;
}

/** What a copy of each release may take of the machine; absent: what there is. */
export interface ArmLimits {
  readonly old?: NodeLimits;
  readonly new?: NodeLimits;
}

export interface PrepareArmsOptions {
  readonly workDir: string;
  readonly old: Release;
  readonly new: Release;
  /** `2x2`: all four; `1x1`: old-a and new-a. */
  readonly names: readonly ArmName[];
  /** Live's stores. Read only. */
  readonly live: {
    readonly mongo?: string;
    /** Mongo databases. Default: the one the URI names, else all but admin, local and config. */
    readonly databases?: readonly string[];
    readonly redis?: string;
  };
  /** Env name → live's folder, copied into each arm. */
  readonly writable: Readonly<Record<string, string>>;
  /** Env name → the real address live calls; the arms get the guard's. */
  readonly outbound: Readonly<Record<string, string>>;
  /** What the guard tells calls that live did not make; the first that fits. */
  readonly stubs: readonly OutboundStub[];
  readonly launcher: AppLauncher;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** The operator's explicit word to go on where nothing can enforce the guard. */
  readonly unguarded: boolean;
  /** Give Node arms live's time and seeded randomness by a preload. */
  readonly determinism: boolean;
  /** Env of the app on top of its release's. */
  readonly env: Readonly<Record<string, string>>;
  /** The same for the new release's arms. Default: `env`. */
  readonly newEnv?: Readonly<Record<string, string>> | undefined;
  readonly limits?: ArmLimits | undefined;
  /** What is free of disk and memory now. Default: what the machine says. */
  readonly room?: () => Promise<Room>;
  readonly onProgress: (step: string, fraction?: number) => void;
}

/** Starts the arms. Error `ARM_DID_NOT_START` with the fields `arm` and `logTail`. */
export type PrepareArms = (options: PrepareArmsOptions) => Promise<ArmSet>;
