import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DharmaError, type Exchange, type OutboundCall } from '../../../common/index.js';
import type { EffectDelta } from '../../../shadow/arms-contract.js';
import type { JournalEntry } from '../../../shadow/resume/journal.js';
import { rebuild, type Learner } from '../../../shadow/resume/rebuild.js';

class Killed extends Error {}

/** What outlives a process: the arms, what was captured, and the journal. */
class World {
  readonly journal: JournalEntry[] = [];
  /** What each of two arms was asked for. */
  readonly asked: [string[], string[]] = [[], []];
  /** Effects in each of two arms that nobody has read. */
  readonly effects: [string[], string[]] = [[], []];

  constructor(readonly captured: readonly Exchange[]) {}

  read(arm: 0 | 1): EffectDelta {
    const calls = this.effects[arm].map((exchangeId) => ({ exchangeId }) as unknown as OutboundCall);
    this.effects[arm] = [];
    return { entries: [], calls };
  }
}

/** What one process has learnt. */
class Memory implements Learner {
  readonly begins: number[] = [];
  readonly answered: string[] = [];
  readonly settled: string[] = [];
  readonly cut: string[] = [];
  /** Effects that were compared, with the exchanges they were put down to. */
  readonly compared: (readonly [readonly string[], ...(readonly string[])[]])[] = [];

  begun(_deltas: readonly EffectDelta[], at: number): void {
    this.begins.push(at);
  }
  answers({ id }: Exchange): void {
    this.answered.push(id);
  }
  effects(exchanges: readonly Exchange[], deltas: readonly EffectDelta[]): void {
    const ids = exchanges.map(({ id }) => id);
    this.settled.push(...ids);
    this.compared.push([ids, ...deltas.map(({ calls }) => calls.map(({ exchangeId }) => exchangeId!))]);
  }
  cutOff({ id }: Exchange): void {
    this.cut.push(id);
  }
  resumed(): void {}
}

/** One process, from its start until it is killed after so many acts (or has done everything). */
async function live(world: World, acts: number, choose: (n: number) => number): Promise<Memory> {
  let left = acts;
  const act = (): void => {
    if (left-- <= 0) throw new Killed();
  };
  const memory = new Memory();
  let taken = 0;
  const past = [...world.journal];
  const journal = {
    history: async function* () {
      yield* past;
    },
    note: async (entry: JournalEntry) => {
      act();
      world.journal.push(entry);
      act();
    },
  };
  const read = (): EffectDelta[] => {
    act();
    const first = world.read(0);
    act();
    const second = world.read(1);
    act();
    return [first, second];
  };
  const waiting = await rebuild({
    ...{ journal, learner: memory, now: () => 0 },
    take: async () => world.captured[taken++],
    collect: async () => read(),
  });
  waiting.push(...world.captured.slice(taken));
  const open: Exchange[] = [];
  const segment: Exchange[] = [];
  while (waiting.length + open.length + segment.length > 0) {
    const what = choose(3);
    if (what === 0 && waiting.length > 0) {
      // Of those that wait, any may be sent first.
      const [exchange] = waiting.splice(choose(waiting.length), 1);
      await journal.note({ kind: 'sending', id: exchange!.id });
      for (const arm of [0, 1] as const) {
        act();
        world.asked[arm].push(exchange!.id);
        world.effects[arm].push(exchange!.id);
      }
      open.push(exchange!);
    } else if (what === 1 && open.length > 0) {
      const [exchange] = open.splice(choose(open.length), 1);
      await journal.note({ kind: 'answered', id: exchange!.id, sent: [] });
      memory.answers(exchange!);
      segment.push(exchange!);
    } else if (what === 2 && open.length === 0 && segment.length > 0) {
      await journal.note({ kind: 'collecting' });
      const deltas = read();
      const exchanges = segment.splice(0);
      await journal.note({ kind: 'collected', ids: exchanges.map(({ id }) => id), deltas });
      memory.effects(exchanges, deltas);
    }
  }
  return memory;
}

describe('a run that processes take over from each other', () => {
  it('sends nothing twice, accounts for all, goes on only with arms that are alike, and puts no effect down to an exchange that did not make it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(12),
        fc.array(fc.nat(40), { maxLength: 5 }),
        fc.infiniteStream(fc.nat()),
        async (count, lives, choices) => {
          const choose = (n: number): number => (choices.next().value as number) % n;
          const world = new World(
            Array.from({ length: count }, (_, n) => ({ id: String(n) }) as unknown as Exchange),
          );
          let last: Memory | undefined;
          for (const acts of [...lives, Infinity])
            try {
              last = await live(world, acts, choose);
            } catch (error) {
              if (error instanceof DharmaError && error.code === 'ARMS_APART') {
                // Never without need: something was under way.
                const answered = world.journal.filter(({ kind }) => kind === 'answered').length;
                expect(world.journal.filter(({ kind }) => kind === 'sending').length).toBeGreaterThan(
                  answered,
                );
                break;
              }
              if (!(error instanceof Killed)) throw error;
            }
          for (const asked of world.asked) expect(new Set(asked).size).toBe(asked.length);
          if (last === undefined) return;
          expect([...world.asked[0]].sort()).toEqual([...world.asked[1]].sort());
          const accounted = [...last.settled, ...last.cut].sort();
          expect(accounted).toEqual(world.captured.map(({ id }) => id).sort());
          expect(last.begins).toEqual([0]);
          expect([...last.answered].sort()).toEqual([...last.settled].sort());
          for (const [ids, first, second] of last.compared) {
            expect(first).toEqual(second);
            if (first!.length > 0) expect([...first!].sort()).toEqual([...ids].sort());
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
