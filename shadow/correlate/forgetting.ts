/** What holds names that go by generations. */
export interface Forgetful {
  /** Forgets the older generation; the younger one becomes it. */
  rotate(): void;
  /** What live calls so is used: it must not be forgotten with its generation. Nothing, where it is not known. */
  keep(live: string): void;
}

/**
 * Lets all arms forget the same names at the same time: an arm that still knew what another has forgotten would be
 * asked something else than that one.
 */
export class Generations {
  readonly #values: number;
  readonly #members: Forgetful[] = [];
  #added = 0;

  /** `values`: names each member's generation holds at least, so that it holds no more than about twice as many. */
  constructor(values: number) {
    this.#values = values;
  }

  join(member: Forgetful): void {
    this.#members.push(member);
  }

  added(): void {
    this.#added += 1;
  }

  keep(live: string): void {
    for (const member of this.#members) member.keep(live);
  }

  /** Between two exchanges: time to forget, or not. */
  turn(): void {
    if (this.#added < this.#values * this.#members.length) return;
    this.#added = 0;
    for (const member of this.#members) member.rotate();
  }
}
