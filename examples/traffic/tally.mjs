import { Histogram } from './histogram.mjs';

/** Failures told one by one in the report; the others are only counted. */
const SHOWN_FAILURES = 20;

const bump = (counts, key) => (counts[key] = (counts[key] ?? 0) + 1);

/** What came of the traffic: since the start, and since the last look. */
export class Tally {
  #started = performance.now();
  #all = new Histogram();
  #window = new Histogram();
  #windowFailures = 0;
  #failures = 0;
  #shown = [];
  #statuses = {};
  #sessions = {};
  #counts = {};

  answered(status, ms) {
    bump(this.#statuses, status);
    this.#all.record(ms);
    this.#window.record(ms);
  }

  failed(failure) {
    this.#failures++;
    this.#windowFailures++;
    if (this.#shown.length < SHOWN_FAILURES) this.#shown.push(failure);
  }

  sessionDone(name) {
    bump(this.#sessions, name);
  }

  count(what) {
    bump(this.#counts, what);
  }

  get failures() {
    return this.#failures;
  }

  /** The time since the last call of this, and the whole so far. Times in ms. */
  progress() {
    const window = {
      requests: this.#window.total,
      failures: this.#windowFailures,
      latencyMs: this.#window.summary(),
    };
    this.#window = new Histogram();
    this.#windowFailures = 0;
    return {
      seconds: this.#seconds(),
      requests: this.#all.total,
      failures: this.#failures,
      counts: { ...this.#counts },
      window,
    };
  }

  report() {
    const seconds = this.#seconds();
    return {
      seconds,
      requests: this.#all.total,
      perSecond: seconds === 0 ? 0 : Math.round((this.#all.total / seconds) * 10) / 10,
      failures: this.#failures,
      statuses: this.#statuses,
      sessions: this.#sessions,
      counts: this.#counts,
      latencyMs: this.#all.summary(),
      failed: this.#shown,
    };
  }

  #seconds() {
    return Math.round((performance.now() - this.#started) / 100) / 10;
  }
}
