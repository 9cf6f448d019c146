import diff from 'deep-diff';
import { ARM_NAMES, newJudge, NO_EFFECTS } from './judge.js';
import type { BoutResult, Task, WorkName } from './messages.js';
import { Traffic, type Rehearsed } from './traffic.js';

/** Exchanges made up at once, before the clock runs. */
const BATCH = 500;

/** Exchanges between two readings of the effects, as in the replayer. */
const SEGMENT = 100;

/** Work on exchanges, batch by batch. */
export type Work = (batch: readonly Rehearsed[]) => number;

/** The whole judge: four requests, correlation, comparison. Returns how many were not as they must be. */
function judging(): Work {
  const judge = newJudge();
  let looks = 0;
  return (batch) => {
    let errors = 0;
    for (let i = 0; i < batch.length; i += SEGMENT) {
      const segment = batch.slice(i, i + SEGMENT);
      for (const { exchange, sent, targets } of segment) {
        judge.captured(exchange);
        judge.ledger.capture();
        for (const arm of ARM_NAMES.keys())
          if (judge.request(exchange, arm).target !== targets[arm]) errors += 1;
        judge.answers(exchange, sent);
      }
      judge.effects(
        segment.map(({ exchange }) => exchange),
        NO_EFFECTS,
      );
    }
    errors += judge.tallies.looks - looks;
    looks = judge.tallies.looks;
    return errors;
  };
}

/** Nothing but JSON.parse of the five answers: what no comparison can be cheaper than. */
function parsing(): Work {
  return (batch) => {
    let errors = 0;
    for (const { exchange, sent } of batch) {
      if (parse(exchange.responseBody) === null) errors += 1;
      for (const one of sent) if (one.kind !== 'answered' || parse(one.answer.body) === null) errors += 1;
    }
    return errors;
  };
}

/** The same, and deep-diff of live's answer with each arm's: a comparison that knows neither ids nor noise. */
function deepDiffing(): Work {
  return (batch) => {
    let errors = 0;
    for (const { exchange, sent } of batch) {
      const live = parse(exchange.responseBody);
      for (const one of sent)
        if (one.kind !== 'answered' || diff.diff(live, parse(one.answer.body)) === undefined) errors += 1;
    }
    return errors;
  };
}

function parse(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
}

const WORKS: Readonly<Record<WorkName, () => Work>> = {
  judge: judging,
  parse: parsing,
  'deep-diff': deepDiffing,
};

/** Works for about so many seconds, or on so many exchanges. Garbage of the making is collected before each batch. */
export class Bouts {
  readonly #traffic = new Traffic(Date.UTC(2026, 0, 1), ARM_NAMES.length);
  readonly #work: Work;

  constructor(name: WorkName) {
    this.#work = WORKS[name]();
  }

  run(task: Task): BoutResult {
    const done = { requests: 0, seconds: 0, cpuSeconds: 0, errors: 0 };
    const latencies: number[] = [];
    while ('seconds' in task ? done.seconds < task.seconds : done.requests < task.requests) {
      const batch = Array.from({ length: BATCH }, () => this.#traffic.next());
      globalThis.gc?.({ type: 'minor' });
      const startedAt = performance.now();
      const before = process.cpuUsage();
      done.errors += this.#work(batch);
      const { user, system } = process.cpuUsage(before);
      const ms = performance.now() - startedAt;
      done.requests += BATCH;
      done.seconds += ms / 1000;
      done.cpuSeconds += (user + system) / 1e6;
      latencies.push((ms * 1000) / BATCH);
    }
    latencies.sort((a, b) => a - b);
    globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    return {
      ...done,
      p50: latencies[Math.floor(latencies.length / 2)]!,
      p99: latencies[Math.floor(latencies.length * 0.99)]!,
      heapBytes: heapUsed,
      externalBytes: external,
      rssBytes: rss,
    };
  }
}
