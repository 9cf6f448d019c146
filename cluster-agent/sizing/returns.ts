/** What the last node that was added for a slow endpoint brought. */
export interface Trial {
  /** Nodes and median (ms) before, when it was asked for. */
  readonly nodes: number;
  readonly median: number;
  /** The strain (see `SizingState`) before it: taken back when the node turns out not to be worth it. */
  readonly strain: number;
  /** The last node was not worth its price. */
  readonly givenUp: boolean;
}

export interface Gain {
  /** How many more nodes the target would take, if each brought as much as the last one; Infinity: it brought nothing. */
  readonly nodesToTarget: number;
  readonly worth: boolean;
}

/**
 * Diminishing returns: the next node brings at most what the last one did. Where even so the target takes more nodes than
 * there are already, what is slow is not a want of nodes. Pure.
 */
export function gainOf(
  trial: Trial,
  now: { readonly nodes: number; readonly median: number },
  target: number,
): Gain {
  const perNode = (trial.median - now.median) / Math.max(1, now.nodes - trial.nodes);
  const nodesToTarget =
    now.median <= target ? 0 : perNode > 0 ? Math.ceil((now.median - target) / perNode) : Infinity;
  return { nodesToTarget, worth: nodesToTarget <= now.nodes };
}
