import type { DifferenceKind } from '../../common/index.js';
import { classOf, formOf } from './value-form.js';

/** One way in which a place was seen to change. */
export interface ChangeForm {
  readonly kind: DifferenceKind;
  readonly old: string;
  readonly new: string;
  /** How often it was seen. */
  readonly count: number;
}

/** Forms told apart for one kind and class; a place that shows more holds other words each time. */
const MOST_FORMS = 64;

/** Kinds and classes told apart; a place that shows more holds another structure each time. */
const MOST_CLASSES = 256;

/** Stands for all others: no accepted rule covers it. */
const OTHERS = 'any other';

interface Seen {
  count: number;
  overflown: boolean;
  readonly forms: Map<string, ChangeForm>;
}

/** The ways in which one place changed, all of them, in bounded memory: what an accepted rule is made of and held against. */
export class ChangeForms {
  readonly #byClass = new Map<string, Seen>();
  readonly #exact: boolean;

  /** `exact`: values stand for themselves (statuses), and are never taken for data. */
  constructor(exact: boolean) {
    this.#exact = exact;
  }

  add(kind: DifferenceKind, old: string | undefined, fresh: string | undefined): void {
    if (this.#exact) this.#add({ kind, old: old ?? 'absent', new: fresh ?? 'absent', count: 1 });
    else this.#add({ kind, old: formOf(old), new: formOf(fresh), count: 1 });
  }

  /** A list in another order: what stands in it makes no difference. */
  addOrder(): void {
    this.#add({ kind: 'changed', old: 'order', new: 'other order', count: 1 });
  }

  *read(): IterableIterator<ChangeForm> {
    for (const { forms, count, overflown } of this.#byClass.values()) {
      if (!this.#exact && (overflown || isData([...forms.values()]))) {
        const [first] = forms.values();
        yield { kind: first!.kind, old: classOf(first!.old), new: classOf(first!.new), count };
      } else yield* forms.values();
    }
  }

  #add(told: ChangeForm): void {
    const own = JSON.stringify([told.kind, classOf(told.old), classOf(told.new)]);
    const isTold = this.#byClass.has(own) || this.#byClass.size < MOST_CLASSES;
    const form = isTold ? told : { ...told, old: OTHERS, new: OTHERS };
    const key = isTold ? own : OTHERS;
    const seen: Seen = this.#byClass.get(key) ?? {
      count: 0,
      overflown: false,
      forms: new Map<string, ChangeForm>(),
    };
    this.#byClass.set(key, seen);
    seen.count += 1;
    const pair = JSON.stringify([form.old, form.new]);
    const known = seen.forms.get(pair);
    if (known !== undefined) seen.forms.set(pair, { ...known, count: known.count + 1 });
    else if (this.#exact || seen.forms.size < MOST_FORMS) seen.forms.set(pair, form);
    else seen.overflown = true;
  }
}

/**
 * Words that do not come again are data (names, titles), those that do are an enumeration (states, media types). By
 * Good and Turing, the share of what was seen once is the chance that the next one is new; two repetitions are taken
 * for granted, so that one or two sightings are never taken for data.
 */
function isData(forms: readonly ChangeForm[]): boolean {
  const once = forms.filter(({ count }) => count === 1).length;
  const all = forms.reduce((sum, { count }) => sum + count, 0);
  return once / (all + 2) > 1 / 2;
}
