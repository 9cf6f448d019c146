import type { Coverage } from '../../common/index.js';

interface EndpointCount {
  captured: number;
  compared: number;
}

/** What was covered: per endpoint, how many exchanges were captured and compared. */
export class CoverageBook {
  readonly #endpoints = new Map<string, EndpointCount>();
  readonly #bodiesNotCompared = new Map<string, string>();

  capture(endpoint: string): void {
    this.#at(endpoint).captured += 1;
  }

  compare(endpoint: string): void {
    this.#at(endpoint).compared += 1;
  }

  /** A body of the endpoint could only be compared as a whole, or not at all. */
  bodyNotCompared(endpoint: string, why: string): void {
    this.#bodiesNotCompared.set(endpoint, why);
  }

  compared(): ReadonlyMap<string, number> {
    return new Map([...this.#endpoints].map(([endpoint, count]) => [endpoint, count.compared]));
  }

  /** `differing`: endpoint → exchanges that differ. `declared`: the endpoints the app's manifest names. */
  read(differing: ReadonlyMap<string, number>, declared: readonly string[]): Coverage {
    return {
      endpoints: [...this.#endpoints].map(([endpoint, count]) => ({
        endpoint,
        captured: count.captured,
        compared: count.compared,
        differing: differing.get(endpoint) ?? 0,
      })),
      neverHit: declared.filter((endpoint) => !this.#endpoints.has(endpoint)),
      bodiesNotCompared: [...this.#bodiesNotCompared].map(([endpoint, why]) => `${endpoint}: ${why}`),
    };
  }

  #at(endpoint: string): EndpointCount {
    let count = this.#endpoints.get(endpoint);
    if (count === undefined) {
      count = { captured: 0, compared: 0 };
      this.#endpoints.set(endpoint, count);
    }
    return count;
  }
}
