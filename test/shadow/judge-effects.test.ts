import { expect, it } from 'vitest';
import type { EffectDelta } from '../../shadow/arms-contract.js';
import { Endpoints } from '../../shadow/endpoint.js';
import { Judge } from '../../shadow/judge.js';
import { armNames } from '../../shadow/options.js';
import { getExchange } from './support/exchange.js';

const ARMS = armNames('2x2');

/** What changed, by the endpoint it is told of, where two exchanges wrote together and `writers` are known. */
function toldOf(writers: readonly string[] | undefined): readonly string[] {
  const judge = new Judge({
    arms: ARMS,
    endpoints: new Endpoints([]),
    request: { forwarded: true },
    indexOf: ({ id }) => Number.parseInt(id, 16),
  });
  const exchanges = [getExchange('/visits', 1), getExchange('/news', 2)];
  for (const exchange of exchanges) {
    judge.captured(exchange);
    judge.ledger.capture();
    for (const arm of ARMS.keys()) judge.request(exchange, arm);
    const answer = { status: 204, headers: [], body: new Uint8Array() };
    judge.answers(
      exchange,
      ARMS.map(() => ({ kind: 'answered', answer, askedAt: exchange.startedAt, tookMs: 1 })),
    );
  }
  const deltas = ARMS.map((arm): EffectDelta => {
    const after = arm.startsWith('old') ? 'one' : 'two';
    const entry = { store: 'redis', key: ['latest'], before: undefined, after } as const;
    return { entries: [writers === undefined ? entry : { ...entry, writers }], calls: [] };
  });
  judge.effects(exchanges, deltas);
  return [...judge.tallies.all()].filter(({ changes }) => changes > 0).map(({ endpoint }) => endpoint);
}

it('an effect is told of the exchange it was written for, though a later one might have done it as well', () => {
  const [first, second] = ['0000000000000001', '0000000000000002'] as const;
  expect(toldOf([first])).toEqual(['GET /visits']);
  expect(toldOf([second])).toEqual(['GET /news']);
  // Nothing is known, or both did it, or one that is over: it is told as if nobody knew.
  for (const writers of [undefined, [first, second], ['00000000000000ff']])
    expect(toldOf(writers)).toEqual(['GET /news']);
});
