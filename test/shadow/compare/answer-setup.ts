import { parseAnswer, type RawAnswer } from '../../../shadow/answer.js';
import { compareAnswers } from '../../../shadow/compare/compare-answer.js';
import type { Observation } from '../../../shadow/compare/observation.js';
import { Symbols } from '../../../shadow/compare/symbols.js';
import { partitionOf } from '../../../shadow/compare/partition.js';

export const NOW = Date.parse('2026-05-01T10:00:00Z');

export type Bodies = readonly [string, string, string, string, string?];

export function raw(body: string, type: string, headers: RawAnswer['headers'] = []): RawAnswer {
  return { status: 200, headers: [['content-type', type], ...headers], body: Buffer.from(body) };
}

/** All that was seen. */
export function observe(answers: readonly RawAnswer[]): readonly Observation[] {
  const seen: Observation[] = [];
  const [a, b, c, d, live] = answers.map((answer) => parseAnswer(answer));
  compareAnswers([a!, b!, c!, d!], live, {
    symbols: new Symbols(false),
    hasLive: live !== undefined,
    nowMs: NOW,
    skewMs: 50,
    single: false,
    exactIndexes: false,
    markup: false,
    observe: (observation) => seen.push(observation),
  });
  return seen;
}

/** `where feature pattern[ explained]` of all that was seen. */
export function compare(answers: readonly RawAnswer[]): string[] {
  return observe(answers).map(
    ({ place, feature, labels, explained }) =>
      `${place.where}${place.inner} ${feature} ${explained ?? partitionOf(labels).pattern}`,
  );
}

export const json = (bodies: Bodies): string[] =>
  compare(bodies.filter((body) => body !== undefined).map((body) => raw(body, 'application/json')));
export const html = (bodies: Bodies): string[] =>
  compare(bodies.filter((body) => body !== undefined).map((body) => raw(body, 'text/html')));

export const IDS = [
  '5f0c6a1e5b7d4c7e',
  'a1b2c3d400004c7e',
  '99887766aabbccdd',
  '0123456789abcdef',
  '1111222233334444',
];
