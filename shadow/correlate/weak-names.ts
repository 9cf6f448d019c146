/** Where a value stood in an answer: the last name of its path, and the static segments of the request's path. */
export interface Role {
  readonly key: string;
  readonly resources: readonly string[];
}

/** What each arm calls a value of live's; a hole for an arm that has no name for it. */
export type Row = (string | undefined)[];

interface Weak {
  readonly arms: Row;
  /** When each arm's name was told: the latest one that fits is meant. */
  readonly told: number[];
  /** Undefined: in any role. */
  readonly role: Role | undefined;
}

const NONE: readonly Weak[] = [];

/** Values that only count as whole ones, at most; the oldest go first. */
const WEAK_VALUES = 100_000;

/** Roles in which one small number is remembered: the latest. */
const ROLES = 64;

/** What the arms call values that are too short or too plain to be found within a text: they count as whole ones. */
export class WeakNames {
  readonly #byLive = new Map<string, Weak[]>();
  /** No value is longer. */
  #longest = 0;
  #told = 0;

  get size(): number {
    return this.#byLive.size;
  }

  has(live: string, arm: number): boolean {
    return this.#get(live)?.some(({ arms }) => arms[arm] !== undefined) === true;
  }

  hasAny(live: string): boolean {
    return this.#get(live) !== undefined;
  }

  /** The name an arm has for it becomes the latest of its role. */
  add(live: string, arm: number, name: string, role: Role | undefined): void {
    const known = this.#byLive.get(live) ?? NONE;
    const same = known.find((other) => sameRole(other.role, role)) ?? { arms: [], told: [], role };
    same.arms[arm] = name;
    same.told[arm] = this.#told += 1;
    if (known.at(-1) === same) return;
    this.#byLive.set(live, [...known.filter((other) => other !== same).slice(1 - ROLES), same]);
    this.#longest = Math.max(this.#longest, live.length);
    if (this.#byLive.size > WEAK_VALUES) this.#forgetOldest();
  }

  /** What the arms call a whole value in its role; undefined: none has a name for it. */
  find(value: string, role: Role): Row | undefined {
    const names: Row = [];
    const told: number[] = [];
    for (const weak of this.#get(value) ?? NONE) {
      if (weak.role !== undefined && !plays(weak.role, role)) continue;
      for (const [arm, name] of weak.arms.entries()) {
        if (name === undefined || weak.told[arm]! < (told[arm] ?? 0)) continue;
        names[arm] = name;
        told[arm] = weak.told[arm]!;
      }
    }
    return names.length === 0 ? undefined : names;
  }

  #get(live: string): readonly Weak[] | undefined {
    return live.length > this.#longest ? undefined : this.#byLive.get(live);
  }

  #forgetOldest(): void {
    for (const oldest of this.#byLive.keys()) {
      this.#byLive.delete(oldest);
      return;
    }
  }
}

function sameRole(a: Role | undefined, b: Role | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.key === b.key && a.resources.join() === b.resources.join();
}

/** Names that a thing's number goes by. */
const ID_NAME = /(id|key|number|no|code|ref|location)$/;

/** Whether a small number used in `use` can be the one that was issued as `issued`. */
function plays(issued: Role, use: Role): boolean {
  const key = plain(use.key);
  const issuedKey = plain(issued.key);
  if (key === issuedKey && issuedKey !== 'id') return true;
  if (!ID_NAME.test(issuedKey)) return false;
  const resources = issued.resources.map(plain);
  // A path segment is named by the one before it: /orders/17.
  if (use.key.startsWith('/')) return resources.includes(key) || singular(key) + 'id' === issuedKey;
  if (resources.some((resource) => key === singular(resource) + 'id' || key === singular(resource)))
    return true;
  return key === 'id' && issuedKey === 'id' && use.resources.some((r) => resources.includes(plain(r)));
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

function singular(word: string): string {
  return word.replace(/ies$/, 'y').replace(/s$/, '');
}
