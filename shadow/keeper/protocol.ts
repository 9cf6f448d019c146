import type { ArmName, CaptureEvent, GuardCount, OutboundCall } from '../../common/index.js';
import type { ArmFailure } from './failure.js';
import type { EffectDelta, PrepareArmsOptions } from '../arms-contract.js';
import type { JournalEntry } from '../resume/journal.js';
import type { Room } from '../room/sizes.js';

/**
 * What the keeper of the arms and the process that compares tell each other, over a channel of Node's own between parent
 * and child (serialization `advanced`).
 */

/** What is asked of `prepare`, but for what only a process itself can have. */
export type PrepareTold = Omit<
  PrepareArmsOptions,
  'launcher' | 'clock' | 'log' | 'signal' | 'room' | 'onProgress'
>;

export interface AppTold {
  readonly name: string;
  readonly pid: number;
  readonly target: { readonly host: string; readonly port: number } | { readonly socket: string };
}

export interface ArmTold {
  readonly name: ArmName;
  readonly logFile: string;
  readonly stores: { readonly mongo?: string; readonly redis?: string };
  readonly app: AppTold;
}

export interface ArmsTold {
  readonly arms: readonly ArmTold[];
  readonly cloneStartedNs: bigint;
  readonly cloneEndedNs: bigint;
  readonly cloneMs: number;
  readonly caveats: readonly string[];
  readonly begun:
    | {
        readonly mongo: string | undefined;
        readonly redis: string | undefined;
        readonly folders: Readonly<Record<string, string>>;
      }
    | undefined;
  readonly guard: GuardCount;
}

/** What is kept for the process that compares, in the order it came. */
export type LogItem =
  | { readonly kind: 'captured'; readonly event: CaptureEvent }
  | { readonly kind: 'call'; readonly call: OutboundCall }
  | { readonly kind: 'entry'; readonly entry: JournalEntry };

/** What the comparing process asks, and what it is answered. */
export interface Questions {
  prepare: { readonly ask: PrepareTold; readonly answer: ArmsTold };
  collect: {
    readonly ask: ArmName;
    readonly answer: { readonly delta: EffectDelta; readonly costMs: number; readonly guard: GuardCount };
  };
  restart: { readonly ask: ArmName; readonly answer: AppTold };
  /** Waits until there is something; nothing: it is over. */
  pull: { readonly ask: null; readonly answer: readonly LogItem[] };
}
export type Question = keyof Questions;

/** What the keeper asks. */
export interface KeeperQuestions {
  /** The arm's text in live's words. */
  canonical: { readonly ask: { readonly arm: ArmName; readonly text: string }; readonly answer: string };
  /** What the copies may take of the machine. */
  room: { readonly ask: null; readonly answer: Room };
}
export type KeeperQuestion = keyof KeeperQuestions;

export type Told =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: ArmFailure };

export type Message =
  | {
      readonly kind: 'ask';
      readonly n: number;
      readonly what: Question | KeeperQuestion;
      readonly ask: unknown;
    }
  | { readonly kind: 'answer'; readonly n: number; readonly told: Told }
  /** To the keeper. */
  | { readonly kind: 'note'; readonly entry: JournalEntry }
  | { readonly kind: 'forget'; readonly id: string }
  /** From the keeper. */
  | { readonly kind: 'hello'; readonly hello: Hello }
  | { readonly kind: 'progress'; readonly step: string; readonly fraction: number | undefined }
  | { readonly kind: 'exited'; readonly arm: ArmName; readonly pid: number; readonly exit: Exit };

export interface Hello {
  /** How many processes have compared, with this one. */
  readonly life: number;
  /** Items of the log that were there before this one. */
  readonly past: number;
  readonly sampleKey: Uint8Array;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}
