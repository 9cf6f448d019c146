import type { EndpointLoad } from '../../cluster-agent/sizing/grouping.js';

/** `rate` a second of `mean` ms, twice which they may take; `variation`: coefficient of variation, squared. */
function load(endpoint: string, rate: number, mean: number, variation = 1): EndpointLoad {
  return { endpoint, rate, mean, square: mean ** 2 * (1 + variation), target: 2 * mean };
}

/** What small teams' apps are asked: mixes whose durations lie far apart. */
export const MIXES: readonly { readonly name: string; readonly loads: readonly EndpointLoad[] }[] = [
  { name: 'pages and exports', loads: [load('page', 100, 50), load('export', 0.2, 10_000)] },
  {
    name: 'API, pages and reports',
    loads: [load('api', 200, 5, 0.5), load('page', 40, 40, 0.5), load('report', 1, 3000, 0.5)],
  },
  { name: 'API and rare batches', loads: [load('api', 200, 5), load('batch', 0.3, 8000, 0.2)] },
];
