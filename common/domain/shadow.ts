import type { NodeLimits } from './app-launcher.js';
import type { OutboundCall } from './exchange.js';

/** What a shadow upgrade tells: its status while it runs, and its report. */

/** The four copies of the app. Old against old and new against new shows noise; old against new shows change. */
export const ARMS = ['old-a', 'old-b', 'new-a', 'new-b'] as const;
export type ArmName = (typeof ARMS)[number];

export type ShadowPhase = 'preparing' | 'cloning' | 'replaying' | 'stopped' | 'failed';

export type Verdict = 'identical' | 'differs' | 'inconclusive';

/** removed or retyped: high; changed: medium; added: low. */
export type Risk = 'high' | 'medium' | 'low';
export type DifferenceKind = 'removed' | 'retyped' | 'changed' | 'added';

/**
 * Where a difference stands: `status`, `header:<name>`, `body:<path>`, `state:<store>:<key>.<path>`,
 * `egress:<destination> <method> <path> body:<path>`, `file:<path>`. Cookies are `header:set-cookie`.
 */
export type Place = string;

/** One exchange in which a difference was seen, old and new side by side, already redacted. */
export interface DifferenceExample {
  /** The live exchange's id; for requests played from a file, the line's index is in `request`. */
  readonly exchange: string;
  readonly request: { readonly index: number; readonly method: string; readonly target: string };
  /** JSON text of the value on each side; undefined: absent. Bound values stand as ⟨id n⟩. */
  readonly old: string | undefined;
  readonly new: string | undefined;
}

/** One way in which a place changed. */
export interface DifferenceChange {
  readonly kind: DifferenceKind;
  /** Forms of the values, without the data that is other in each exchange: `integer`, `"text/html"`, `text`, `absent`. */
  readonly old: string;
  readonly new: string;
  readonly count: number;
  /** An accepted rule covers it. */
  readonly accepted: boolean;
}

/** One (endpoint, place) that differs. */
export interface Difference {
  /** Stable from upgrade to upgrade: what `accept` names. */
  readonly id: string;
  readonly endpoint: string;
  readonly where: Place;
  /** What inside the place: a cookie's attribute, a JWT's claim, a word of a text. */
  readonly detail?: string;
  /** By what it is told, where the values differ in any case: their order, length, format, range, a character. */
  readonly traits?: readonly string[];
  readonly kind: DifferenceKind;
  readonly risk: Risk;
  /** Exchanges that show it, of those of this endpoint that were compared. */
  readonly count: number;
  readonly of: number;
  /** Exchanges of this endpoint in which the place was noise instead. */
  readonly noise: number;
  /** 0..1: how sure it is that this is change and not noise. */
  readonly confidence: number;
  /** All ways in which it was seen to change. */
  readonly changes: readonly DifferenceChange[];
  /** Accepted rules cover all of `changes`. */
  readonly accepted: boolean;
  /** The rules' reason, where it is accepted. */
  readonly acceptedBecause?: string;
  readonly examples: readonly DifferenceExample[];
}

/** A place whose values differ within a pair: noise, with the shape that was learnt. */
export interface NoiseSeen {
  readonly endpoint: string;
  readonly where: Place;
  readonly count: number;
  readonly of: number;
  /** For people: `uuid`, `timestamp`, `integer 3..18`, `hex(32)`… */
  readonly shape: string;
}

/** Every captured exchange is in exactly one of these. */
export interface Ledger {
  readonly captured: number;
  readonly compared: number;
  /** Replayed, waiting for an arm's answer or its turn. */
  readonly pending: number;
  /** Used a live value that no arm could bind. */
  readonly unbound: number;
  /** Its body was not captured whole. */
  readonly truncated: number;
  /** An arm did not answer it (it timed out, or the arm was down). */
  readonly unanswered: number;
  /** Lost before the shadow saw it, by reason (`capture queue full`, `client aborted`, `upgrade`…). */
  readonly dropped: Readonly<Record<string, number>>;
}

export interface Coverage {
  readonly endpoints: readonly {
    readonly endpoint: string;
    readonly captured: number;
    readonly compared: number;
    readonly differing: number;
  }[];
  /** Declared endpoints that no captured exchange hit. */
  readonly neverHit: readonly string[];
  /** `endpoint: why` where bodies were never compared (opaque encodings, streams…). */
  readonly bodiesNotCompared: readonly string[];
  /** Share of live's sessions that are copied, 0..1; absent: all. */
  readonly sample?: number;
  /** What the mirror stores and the guard cannot promise here. */
  readonly caveats?: readonly string[];
}

/** What the arms tried to reach outside of their mirror stores. */
export interface GuardCount {
  /** `namespace`: enforced by the kernel from outside the app; `preload`: inside Node; `none`: by the operator's word. */
  readonly enforcement: 'namespace' | 'preload' | 'none';
  /** Answered with what live got. */
  readonly answered: number;
  /** Live made no such call: answered with one of the app's stubs. */
  readonly stubbed: number;
  /** Neither a recorded answer nor a stub fitted: answered with an error. */
  readonly refused: number;
  /** By destination and arm kind. */
  readonly calls: readonly { readonly destination: string; readonly arm: ArmName; readonly count: number }[];
  /** What is known to have got out. Zero, or the upgrade is stopped. */
  readonly escaped: number;
}

/** One request's differences: the flat form scripts read. */
export interface DifferingRequest {
  /** The id of the difference it belongs to. */
  readonly difference: string;
  readonly accepted: boolean;
  readonly request: number;
  readonly where: Place;
  readonly kind: DifferenceKind;
  readonly risk: Risk;
  readonly old: string | undefined;
  readonly new: string | undefined;
  readonly confidence: number;
}

/** What a package says about its own versions after the old one, up to the new one. */
export interface ChangelogExcerpt {
  /** The file in the package, such as `CHANGELOG.md`. */
  readonly file: string;
  readonly text: string;
  /** There is more in the file. */
  readonly cut: boolean;
}

/** One item of an update. */
export interface AttributedChange {
  /** `manifest`: package.json beside its dependencies. */
  readonly kind: 'package' | 'manifest' | 'env' | 'file';
  readonly name: string;
  /** Versions of a package; null: not installed on that side. */
  readonly from: string | null;
  readonly to: string | null;
  /** The app itself asks for it. */
  readonly direct: boolean;
  /** For a transitive one: the updated packages of the app's own below which it stands. */
  readonly through: readonly string[];
  readonly changelog?: ChangelogExcerpt;
}

/**
 * `proven`: with these changes the difference occurs, and without any one of them it was seen not to. `inseparable`: as
 * that, but some could not be tried apart from the others. `narrowed`: the trials ended before fewer could be told.
 */
export type AttributionConfidence = 'proven' | 'inseparable' | 'narrowed';

/** Differences that the same changes make. */
export interface AttributedCause {
  /** Ids of differences. */
  readonly differences: readonly string[];
  /** All of them are needed, together. */
  readonly changes: readonly AttributedChange[];
  readonly confidence: AttributionConfidence;
  /** Trials made for it, beside those that earlier causes had needed already. */
  readonly trials: number;
}

/** Which of an update's changes makes which difference, found by trying the update in parts. */
export interface Attribution {
  readonly causes: readonly AttributedCause[];
  readonly unattributed: readonly { readonly difference: string; readonly because: string }[];
  /** Releases that were run beside the old one. */
  readonly trials: number;
  /** Mixes of old and new that could not be tried, and why. */
  readonly unresolved: readonly { readonly changes: readonly string[]; readonly because: string }[];
  /** Requests each trial was given; the first ones. */
  readonly requests: number;
  readonly tookMs: number;
}

/** A quantile, and an interval that holds the true one 19 times of 20. */
export interface CostQuantile {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What old and new arms took for the same exchanges: the means of a release's arms, ms. */
export interface CostComparison {
  readonly old: number;
  readonly new: number;
  /** How far two copies of one release are apart at most. */
  readonly noise: number;
  /** `untold`: no more than chance and the copies' own noise explain, or with one arm a release. */
  readonly told: 'more' | 'less' | 'untold';
  /** 0..1: how sure that is. */
  readonly confidence: number;
}

/** What the update costs. It makes no verdict. */
export interface Performance {
  /** Exchanges that every arm answered. */
  readonly exchanges: number;
  readonly latencyMs: {
    readonly old: { readonly p50: CostQuantile; readonly p95: CostQuantile; readonly p99: CostQuantile };
    readonly new: { readonly p50: CostQuantile; readonly p95: CostQuantile; readonly p99: CostQuantile };
    /** By the medians of the arms. */
    readonly typical: CostComparison;
    /** By the 95th percentiles. */
    readonly tail: CostComparison;
  };
  /** CPU time of an arm's processes for an exchange. */
  readonly cpuMs: CostComparison;
  /** What a copy of each release might take of the machine, where something was said. */
  readonly limits?: { readonly old?: NodeLimits; readonly new?: NodeLimits };
  /** What an arm's processes take now, and took at most when it was looked at. */
  readonly memory: readonly {
    readonly arm: ArmName;
    readonly rssBytes: number;
    readonly peakBytes: number;
  }[];
}

/** What a cron did that was laid over the replayed requests in the new arms. */
export interface CronRehearsal {
  readonly name: string;
  /** Runs that ended in every new arm, and how many of them threw. */
  readonly runs: number;
  readonly failed: number;
  /** Why it is not rehearsed any more, or what the last run that failed threw. */
  readonly problem?: string;
  /** A run's, in the mean over runs and new arms, ms: how long it took, and its CPU time beyond what requests took. */
  readonly tookMs: number;
  readonly cpuMs: number;
  /** Exchanges that every arm answered while it ran: old ones without it, new ones beside it. Absent: none. */
  readonly beside?: Pick<Performance, 'exchanges' | 'latencyMs'>;
  /** CPUs that are busy, in the mean: with the requests of all live's clients, and with a run besides. */
  readonly busyCpus: { readonly requests: number; readonly run: number };
  /** Nodes that have as many CPUs, where it is said how many one has. */
  readonly nodes?: { readonly requests: number; readonly withRun: number };
}

export interface ShadowReport {
  readonly version: 1;
  readonly upgrade: string;
  readonly old: { readonly release: string };
  readonly new: { readonly release: string };
  /** Installed packages that differ: path → old and new version, null where absent. */
  readonly packages: readonly {
    readonly name: string;
    readonly old: string | null;
    readonly new: string | null;
  }[];
  readonly verdict: Verdict;
  /** Why, in a sentence; for inconclusive also what is missing and how much longer it takes. */
  readonly because: string;
  /** The verdict if all differences were accepted. */
  readonly otherwise: { readonly verdict: Verdict; readonly because: string };
  /** Exchanges compared. */
  readonly requests: number;
  readonly differences: readonly Difference[];
  readonly differing: readonly DifferingRequest[];
  /** Ids of the differences that are accepted. */
  readonly accepted: readonly string[];
  readonly noise: readonly NoiseSeen[];
  readonly unbound: number;
  readonly ledger: Ledger;
  readonly coverage: Coverage;
  readonly guard: GuardCount;
  /** Absent where nobody asked for it. */
  readonly attribution?: Attribution;
  /** Absent where nothing was answered yet. */
  readonly performance?: Performance;
  /** Absent where none was rehearsed. */
  readonly cron?: CronRehearsal;
  /** Milliseconds. `lag`: how far the slowest arm is behind live. */
  readonly timings: {
    readonly startedAt: number;
    readonly cloneMs: number;
    readonly replayedMs: number;
    readonly lagMs: number;
    readonly armMedianMs: Readonly<Record<string, number>>;
  };
}

/** What was found before the comparison had to begin anew, because the process that compared was killed. */
export interface EarlierRuns {
  readonly runs: number;
  /** Exchanges they had compared. */
  readonly compared: number;
  readonly differences: readonly Difference[];
  /** What they told of the causes. */
  readonly attribution?: Attribution;
}

export interface ShadowStatus {
  readonly upgrade: string;
  readonly phase: ShadowPhase;
  /** For people: what it is doing now. */
  readonly step: string;
  readonly ledger: Ledger;
  readonly verdict: Verdict;
  readonly differences: number;
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly found?: string;
    readonly remedy: string;
  };
}

/** Outbound calls live made, in the order they ended. `close()` ends the iteration. */
export interface OutboundSource extends AsyncIterable<OutboundCall> {
  close(): Promise<void>;
}
