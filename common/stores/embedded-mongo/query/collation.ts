import { compareUtf8, type StringCompare } from '../bson/compare.js';
import type { FoldString } from '../bson/keystring.js';
import { toNumber, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';

/** How strings compare in one operation. `undefined` anywhere stands for the simple (byte) comparison. */
export interface Collation {
  readonly compare: StringCompare;
  /** Equal strings under this collation fold to the same text. */
  readonly fold: FoldString;
  /** Tells collations apart: an index serves only queries of its own. */
  readonly id: string;
}

const cache = new Map<string, Collation>();

/** Compiles a command's `collation` document. Undefined for none and for the locale `simple`. */
export function compileCollation(spec: Doc | undefined): Collation | undefined {
  if (spec === undefined || Object.keys(spec).length === 0 || spec.locale === 'simple') return undefined;
  if (typeof spec.locale !== 'string')
    fault(40414, "BSON field 'collation.locale' is missing but a required field");
  const id = JSON.stringify(spec);
  let collation = cache.get(id);
  if (collation === undefined) {
    collation = build(spec, spec.locale, id);
    cache.set(id, collation);
  }
  return collation;
}

function build(spec: Doc, locale: string, id: string): Collation {
  const strength = toNumber(spec.strength) ?? 3;
  const caseLevel = spec.caseLevel === true;
  const collator = new Intl.Collator(locale.split('@')[0]?.replaceAll('_', '-'), {
    sensitivity: sensitivity(strength, caseLevel),
    numeric: spec.numericOrdering === true,
    ignorePunctuation: spec.alternate === 'shifted',
    ...(spec.caseFirst === 'upper' || spec.caseFirst === 'lower' ? { caseFirst: spec.caseFirst } : {}),
  });
  return {
    compare: (a, b) => collator.compare(a, b) || (strength >= 5 ? compareUtf8(a, b) : 0),
    fold: folding(strength, caseLevel),
    id,
  };
}

function sensitivity(strength: number, caseLevel: boolean): 'base' | 'accent' | 'case' | 'variant' {
  if (strength <= 1) return caseLevel ? 'case' : 'base';
  return strength === 2 && !caseLevel ? 'accent' : 'variant';
}

function folding(strength: number, caseLevel: boolean): FoldString {
  const dropAccents = strength <= 1;
  const dropCase = strength <= 2 && !caseLevel;
  return (text) => {
    let folded = text.normalize('NFD');
    if (dropAccents) folded = folded.replace(/\p{M}/gu, '');
    return dropCase ? folded.toLowerCase() : folded;
  };
}
