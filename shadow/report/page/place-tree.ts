import type { Difference } from '../../../common/index.js';

/** A node of the tree of places: a step of their paths, what differs right there, and the steps below. */
export interface PlaceNode {
  /** The steps from the parent to here; a chain without a fork is one label. */
  readonly label: string;
  readonly differences: readonly Difference[];
  readonly children: readonly PlaceNode[];
}

/** Deeper than this, the rest of a path is one step: nobody reads a deeper indentation. */
const MAX_DEPTH = 8;

interface Building {
  readonly steps: Map<string, Building>;
  readonly differences: Difference[];
}

/** The places of differences as a tree by their paths, in the order in which they come. */
export function placeTree(differences: readonly Difference[]): readonly PlaceNode[] {
  const root: Building = { steps: new Map(), differences: [] };
  for (const difference of differences) {
    let node = root;
    for (const step of withinDepth(stepsOf(difference.where))) {
      const next = node.steps.get(step) ?? { steps: new Map<string, Building>(), differences: [] };
      node.steps.set(step, next);
      node = next;
    }
    node.differences.push(difference);
  }
  return childrenOf(root);
}

function childrenOf(node: Building): readonly PlaceNode[] {
  return [...node.steps].map(([label, child]) => joined(label, child));
}

function joined(label: string, node: Building): PlaceNode {
  const [only, ...others] = node.steps;
  if (only !== undefined && others.length === 0 && node.differences.length === 0)
    return joined(label + only[0], only[1]);
  return { label, differences: node.differences, children: childrenOf(node) };
}

/** `state:mongo:`, `header:`, `body:$`, `egress:` with call and part, else the path's own steps. */
const STEP =
  /^egress:\S* \S* \S*(?: \(\d+\))?|^(?:header|body|file):\$?|^state:[^:]*:| (?:body:\$|headers|query)|\{[^{}]*\}|\["(?:[^"\\]|\\.)*"\]|\[[^\]]*\]|[#./:]?[^#./:[{ ]+|[^]/gy;

/** A place's path in steps; joined they are the place again. */
export function stepsOf(place: string): readonly string[] {
  return place.match(STEP) ?? [place];
}

function withinDepth(steps: readonly string[]): readonly string[] {
  if (steps.length <= MAX_DEPTH) return steps;
  return [...steps.slice(0, MAX_DEPTH - 1), steps.slice(MAX_DEPTH - 1).join('')];
}
