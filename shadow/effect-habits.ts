/**
 * What each endpoint was seen to do while nothing else was under way: the best witness of who did what where several
 * exchanges' effects were read together.
 */
export class EffectHabits {
  readonly #alone = new Map<string, { seen: number; readonly acts: Map<string, number> }>();

  /** An exchange of `endpoint` was alone; `places` are the general names of all effects that were read after it. */
  add(endpoint: string, places: readonly string[]): void {
    const habit = this.#alone.get(endpoint) ?? { seen: 0, acts: new Map<string, number>() };
    this.#alone.set(endpoint, habit);
    habit.seen += 1;
    for (const kind of new Set(places.map(kindOf))) habit.acts.set(kind, (habit.acts.get(kind) ?? 0) + 1);
  }

  /**
   * How likely an exchange of `endpoint` has an effect of the kind of `place`: 0 to 1, a half where nothing is known.
   * The expected rate under Jeffreys' prior, Beta(½, ½).
   */
  likelihood(endpoint: string, place: string): number {
    const habit = this.#alone.get(endpoint);
    if (habit === undefined) return 0.5;
    return ((habit.acts.get(kindOf(place)) ?? 0) + 0.5) / (habit.seen + 1);
  }
}

/** `state:mongo:orders`, `state:redis:cart`, `file:uploads`, `egress:<host>`: the place without what tells single ones apart. */
function kindOf(place: string): string {
  const parts = place.split(/[:/ ]/);
  return parts.slice(0, place.startsWith('state:') ? 3 : 2).join(':');
}
