import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applySpend,
  committed,
  left,
  NO_SPENDING,
  strays,
  type Ledger,
  type SpendEvent,
  type SpendOutcome,
} from '../../federator/spend/ledger.js';

const TIMES = { reserveMs: 30, createMs: 90 };
const CEILING = 10;

type Action = 'go' | 'crash' | 'repeat' | 'destroy' | 'land' | 'lose' | 'list' | 'listed' | 'wait';

interface Agent {
  /** The host it is at, what it does next, and when its request to the provider must have ended. */
  id: string;
  next: 'reserve' | 'create' | 'post' | 'await' | 'confirm' | 'done' | 'release';
  hourly: number;
  deadline: number;
}

/** Agents, a provider and the ledger between them, one small step at a time: whatever can overtake, does. */
class World {
  ledger: Ledger = { ...NO_SPENDING, ceiling: CEILING };
  now = 0;
  #hosts = 0;
  readonly hosts = new Map<string, number>();
  /** Requests to create on their way, also from agents that have died since. */
  flying: { id: string; hourly: number; deadline: number }[] = [];
  listings: { askedAt: number; hosts: string[] }[] = [];
  last: SpendEvent | undefined;
  readonly agents: Agent[] = [0, 1, 2].map(() => this.#newHost(3));

  #newHost(hourly: number): Agent {
    this.#hosts += 1;
    return { id: `h${this.#hosts}`, next: 'reserve', hourly, deadline: 0 };
  }

  tell(event: SpendEvent): SpendOutcome {
    this.last = event;
    const { ledger, outcome } = applySpend(this.ledger, event, this.now, TIMES);
    this.ledger = ledger;
    return outcome;
  }

  step(who: number, action: Action, amount: number): void {
    // Time passes while messages are under way.
    this.now += 1;
    const agent = this.agents[who]!;
    if (action === 'go') this.#advance(agent, who, amount);
    if (action === 'crash') this.agents[who] = this.#newHost(1 + (amount % 4));
    if (action === 'repeat' && this.last !== undefined && this.last.kind !== 'listing') this.tell(this.last);
    if (action === 'destroy' && agent.next === 'done') {
      this.hosts.delete(agent.id);
      agent.next = 'release';
    }
    if (action === 'land') this.#land(amount);
    if (action === 'lose') this.flying = this.flying.slice(1);
    if (action === 'list') this.listings.push({ askedAt: this.now, hosts: [...this.hosts.keys()] });
    if (action === 'listed' && this.listings.length > 0) this.#listed(this.listings.shift()!);
    if (action === 'wait') this.now += amount;
    // A request ends by its deadline: the client aborts it.
    this.flying = this.flying.filter(({ deadline }) => deadline > this.now);
  }

  #advance(agent: Agent, who: number, amount: number): void {
    const { id, hourly } = agent;
    switch (agent.next) {
      case 'reserve':
        agent.next =
          this.tell({ kind: 'reserve', id, cluster: 'c', hourly }) === 'granted' ? 'create' : 'reserve';
        break;
      case 'create':
        // The deadline counts from before the question, so it is never later than the ledger's.
        agent.deadline = this.now + TIMES.createMs;
        if (this.tell({ kind: 'create', id }) === 'granted') agent.next = 'post';
        else this.agents[who] = this.#newHost(1 + (amount % 4));
        break;
      case 'post':
        if (agent.deadline > this.now) this.flying.push({ id, hourly, deadline: agent.deadline });
        agent.next = 'await';
        break;
      case 'await':
        if (this.hosts.has(id)) agent.next = 'confirm';
        else if (agent.deadline <= this.now) this.agents[who] = this.#newHost(2);
        // Its client asks again, as some do.
        else if (amount % 3 === 0) this.flying.push({ id, hourly, deadline: agent.deadline });
        break;
      case 'confirm':
        if (this.tell({ kind: 'confirm', id }) === 'granted') agent.next = 'done';
        else {
          this.hosts.delete(id);
          this.agents[who] = this.#newHost(1);
        }
        break;
      case 'release':
        this.tell({ kind: 'release', id });
        this.agents[who] = this.#newHost(1 + (amount % 4));
        break;
      case 'done':
        break;
    }
  }

  #land(amount: number): void {
    const flight = this.flying[amount % Math.max(1, this.flying.length)];
    if (flight === undefined) return;
    this.flying = this.flying.filter((other) => other !== flight);
    this.hosts.set(flight.id, flight.hourly);
  }

  #listed({ askedAt, hosts }: { askedAt: number; hosts: string[] }): void {
    this.tell({ kind: 'listing', cluster: 'c', askedAt, hosts });
  }

  get spent(): number {
    return [...this.hosts.values()].reduce((sum, hourly) => sum + hourly, 0);
  }
}

const action = fc.constantFrom<Action>(
  'go',
  'go',
  'go',
  'go',
  'land',
  'land',
  'crash',
  'repeat',
  'destroy',
  'lose',
  'list',
  'listed',
  'wait',
);
const moves = fc.array(fc.tuple(fc.nat(2), action, fc.nat(60)), { maxLength: 150 });

describe('the spend ledger', () => {
  it('never overspends and leaks nothing, in whatever order things happen, fail and come twice', () => {
    fc.assert(
      fc.property(moves, (steps) => {
        const world = new World();
        for (const [who, what, amount] of steps) {
          world.step(who, what, amount);
          expect(world.spent).toBeLessThanOrEqual(CEILING);
          expect(committed(world.ledger)).toBeLessThanOrEqual(CEILING);
          expect(strays(world.ledger, [...world.hosts.keys()])).toEqual([]);
        }
        // Everyone has died and all deadlines have passed: one listing, and the ledger is what there is.
        world.now += 1000;
        world.tell({ kind: 'listing', cluster: 'c', askedAt: world.now - 1, hosts: [...world.hosts.keys()] });
        expect(world.ledger.entries.map(({ id }) => id).sort()).toEqual([...world.hosts.keys()].sort());
        expect(world.ledger.entries.every(({ state }) => state === 'running')).toBe(true);
        expect(committed(world.ledger)).toBe(world.spent);
      }),
      { numRuns: 3000 },
    );
  });

  it('makes progress: agents that are left alone get hosts up to the ceiling', () => {
    const world = new World();
    for (let i = 0; i < 60; i += 1) world.step(i % 3, i % 2 === 0 ? 'go' : 'land', 1);
    expect(world.spent).toBe(9);
  });

  const reserve = (id: string, hourly: number): SpendEvent => ({ kind: 'reserve', id, cluster: 'c', hourly });
  const run = (...events: [SpendEvent, number][]) =>
    events.reduce<{ ledger: Ledger; outcomes: SpendOutcome[] }>(
      ({ ledger, outcomes }, [event, now]) => {
        const next = applySpend(ledger, event, now, TIMES);
        return { ledger: next.ledger, outcomes: [...outcomes, next.outcome] };
      },
      { ledger: { ...NO_SPENDING, ceiling: CEILING }, outcomes: [] },
    );

  it('refuses prices that cannot be, and the same intent at another price', () => {
    const events = [NaN, -1, Infinity].map((hourly): [SpendEvent, number] => [reserve('x', hourly), 0]);
    expect(run(...events).outcomes).toEqual(['refused', 'refused', 'refused']);
    expect(run([reserve('x', 2), 0], [reserve('x', 3), 0], [reserve('x', 2), 0]).outcomes).toEqual([
      'granted',
      'refused',
      'granted',
    ]);
  });

  it('lets a reservation lapse, and nothing that the provider may have been asked for', () => {
    expect(run([reserve('x', 9), 0], [{ kind: 'create', id: 'x' }, 40]).outcomes).toEqual([
      'granted',
      'lapsed',
    ]);
    const { ledger, outcomes } = run(
      [reserve('x', 9), 0],
      [{ kind: 'create', id: 'x' }, 1],
      [reserve('y', 2), 10_000],
    );
    expect(outcomes).toEqual(['granted', 'granted', 'refused']);
    expect(committed(ledger)).toBe(9);
  });

  const HOUR = 3_600_000;
  const month: Ledger = { ...NO_SPENDING, monthly: 100, spent: { usd: 0, at: Date.UTC(2026, 1, 1) } };

  it('keeps the month to its ceiling though nothing is ever stopped for it, and begins anew with the next', () => {
    const moment = fc.record({
      afterHours: fc.integer({ min: 0, max: 300 }),
      hourly: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(fc.array(moment, { maxLength: 30 }), (moments) => {
        let ledger = month;
        let now = month.spent.at;
        moments.forEach(({ afterHours, hourly }, i) => {
          now += afterHours * HOUR;
          for (const event of [reserve(`m${i}`, hourly / 100), { kind: 'create', id: `m${i}` } as const])
            ledger = applySpend(ledger, event, now).ledger;
          expect(ledger.spent.usd).toBeLessThanOrEqual(100 + 1e-3);
        });
        // At the end of the month that it is now, with all that runs still running.
        const end = Date.UTC(new Date(now).getUTCFullYear(), new Date(now).getUTCMonth() + 1, 1) - 1;
        const { spent } = applySpend(ledger, { kind: 'ceiling', hourly: null, monthly: 100 }, end).ledger;
        expect(spent.usd).toBeLessThanOrEqual(100 + 1e-3);
      }),
    );
  });

  it('counts what hosts cost from when they were asked for, over the turn of a month', () => {
    const from = Date.UTC(2026, 1, 28, 22);
    const begin: Ledger = { ...NO_SPENDING, spent: { usd: 7, at: from } };
    const running = [reserve('x', 1), { kind: 'create', id: 'x' } as const].reduce(
      (ledger, event) => applySpend(ledger, event, from).ledger,
      begin,
    );
    const after = (hours: number): number =>
      applySpend(running, { kind: 'listing', cluster: 'other', askedAt: 0, hosts: [] }, from + hours * HOUR)
        .ledger.spent.usd;
    expect(after(1)).toBeCloseTo(8);
    expect(after(5)).toBeCloseTo(3);
    expect(after(-1)).toBe(7);
  });

  it('tells what is left, and how much too much runs', () => {
    expect(left(NO_SPENDING, 0)).toBeUndefined();
    expect(left({ ...NO_SPENDING, ceiling: 5 }, 0)).toBe(5);
    expect(left(month, month.spent.at)).toBeCloseTo(100 / (31 * 24));
    const dear = { ...month, spent: { usd: 90, at: month.spent.at } };
    expect(left(dear, month.spent.at)).toBeCloseTo(10 / (28 * 24));
    const { ledger } = run([reserve('x', 9), 0]);
    expect(left({ ...ledger, ceiling: 5 }, 1)).toBe(-4);
  });

  it('lets only the agent that claimed a cluster last reserve for it, and both say what became of their hosts', () => {
    const ask = (session: string, id: string): SpendEvent => ({ ...reserve(id, 1), session }) as SpendEvent;
    const claim = (session: string): SpendEvent => ({ kind: 'claim', cluster: 'c', session });
    expect(
      run(
        [claim('a'), 0],
        [ask('a', 'x'), 1],
        [claim('b'), 2],
        [ask('a', 'y'), 3],
        [ask('b', 'z'), 4],
        [{ kind: 'release', id: 'x' }, 5],
      ).outcomes,
    ).toEqual(['granted', 'granted', 'granted', 'superseded', 'granted', 'granted']);
  });

  it('believes a listing as soon as the provider cannot act any more, and forgets a cluster that is gone', () => {
    const { ledger } = run(
      [reserve('x', 9), 0],
      [{ kind: 'create', id: 'x', withinMs: 0 }, 1],
      [{ kind: 'confirm', id: 'x' }, 2],
      [{ kind: 'listing', cluster: 'c', askedAt: 3, hosts: [] }, 4],
    );
    expect(ledger.entries).toEqual([]);
    const claimed = run([{ kind: 'claim', cluster: 'c', session: 'a' }, 0], [reserve('x', 9), 0]).ledger;
    const gone = applySpend(claimed, { kind: 'forget', cluster: 'c' }, 1, TIMES).ledger;
    expect(gone).toMatchObject({ entries: [], claims: {} });
  });

  it('grants nothing under a ceiling below what runs, and ends nothing for it', () => {
    const { ledger, outcomes } = run(
      [reserve('x', 9), 0],
      [{ kind: 'create', id: 'x' }, 1],
      [{ kind: 'confirm', id: 'x' }, 2],
      [{ kind: 'ceiling', hourly: 5 }, 3],
      [reserve('y', 0.5), 4],
    );
    expect(outcomes.at(-1)).toBe('refused');
    expect(committed(ledger)).toBe(9);
  });
});
