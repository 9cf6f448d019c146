import type { EndpointLoad, NodeGroup } from '../../cluster-agent/sizing/grouping.js';
import { nodeClassesOf } from '../../cluster-agent/sizing/grouping-classes.js';
import { randomOf } from './traces.js';

/** Mean time to answer by endpoint, ms. */
export type Answers = ReadonlyMap<string, number>;

interface Request {
  readonly endpoint: number;
  readonly at: number;
  readonly service: number;
}

/**
 * What `requests` requests would see of nodes in groups: each node works on one at a time; who finds none waits in the line
 * of its own group, first come, first served; a free node takes from its own line, then from that of the longest of the
 * shorter groups (as the proxy lends idle nodes). Poisson arrivals; service times are log-normal with the given mean and
 * square. Discrete events, no model of waiting.
 */
export function simulateGroups(
  loads: readonly EndpointLoad[],
  groups: readonly NodeGroup[],
  requests: number,
  seed: number,
): Answers {
  const lines = groups.map((): Request[] => []);
  const heads = groups.map(() => 0);
  const idle = groups.map(({ nodes }) => nodes);
  const mayUse = loads.map(({ endpoint }) =>
    nodeClassesOf(groups, endpoint).map((name) => groups.findIndex(({ nodeClass }) => nodeClass === name)),
  );
  const sums = loads.map(() => ({ time: 0, count: 0 }));
  const busy = new Departures();
  const arrive = arrivals(loads, randomOf(seed));
  const begin = (request: Request, group: number, now: number): void => {
    idle[group]! -= 1;
    busy.push(now + request.service, group);
    sums[request.endpoint]!.time += now + request.service - request.at;
    sums[request.endpoint]!.count += 1;
  };
  const free = (group: number, now: number): void => {
    idle[group]! += 1;
    for (let line = group; line >= 0; line -= 1) {
      const next = lines[line]![heads[line]!];
      if (next === undefined) continue;
      heads[line]! += 1;
      return begin(next, group, now);
    }
  };
  for (let i = 0; i < requests; i += 1) {
    const request = arrive();
    for (let due = busy.until(request.at); due !== undefined; due = busy.until(request.at))
      free(due.group, due.at);
    const group = mayUse[request.endpoint]!.find((place) => idle[place]! > 0);
    if (group === undefined) lines[mayUse[request.endpoint]![0]!]!.push(request);
    else begin(request, group, request.at);
  }
  return new Map(loads.map(({ endpoint }, i) => [endpoint, sums[i]!.time / Math.max(1, sums[i]!.count)]));
}

function arrivals(loads: readonly EndpointLoad[], random: () => number): () => Request {
  const total = loads.reduce((sum, { rate }) => sum + rate, 0);
  let at = 0;
  return () => {
    at += (-Math.log(1 - random()) / total) * 1000;
    let pick = random() * total;
    let endpoint = 0;
    while (endpoint < loads.length - 1 && pick >= loads[endpoint]!.rate) pick -= loads[endpoint++]!.rate;
    const { mean, square } = loads[endpoint]!;
    const spread = Math.log(square / mean ** 2);
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return { endpoint, at, service: mean * Math.exp(Math.sqrt(spread) * normal - spread / 2) };
  };
}

/** Ends of work, the earliest first: a binary heap. */
class Departures {
  readonly #heap: { readonly at: number; readonly group: number }[] = [];

  push(at: number, group: number): void {
    const heap = this.#heap;
    let place = heap.push({ at, group }) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (heap[parent]!.at <= heap[place]!.at) return;
      [heap[parent], heap[place]] = [heap[place]!, heap[parent]!];
      place = parent;
    }
  }

  /** The earliest that is not after `at`. */
  until(at: number): { readonly at: number; readonly group: number } | undefined {
    const heap = this.#heap;
    if (heap.length === 0 || heap[0]!.at > at) return undefined;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(last: { readonly at: number; readonly group: number }): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const smaller = left + 1 < heap.length && heap[left + 1]!.at < heap[left]!.at ? left + 1 : left;
      if (smaller >= heap.length || heap[smaller]!.at >= last.at) break;
      heap[place] = heap[smaller]!;
      place = smaller;
    }
    heap[place] = last;
  }
}
