/** What a worker of the rehearsal benchmarks is told to do. */
export type Task = { readonly seconds: number } | { readonly requests: number };

/** What a worker is started with. */
export type WorkName = 'judge' | 'parse' | 'deep-diff';

/** What one bout of a worker cost, and what memory its process then had. */
export interface BoutResult {
  readonly requests: number;
  /** While the work was being done: what makes up the traffic is not counted. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Requests an arm was asked by in another's words, and exchanges that were not found the same. */
  readonly errors: number;
  /** µs an exchange, over the batches. */
  readonly p50: number;
  readonly p99: number;
  /** After a full collection. */
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly rssBytes: number;
}
