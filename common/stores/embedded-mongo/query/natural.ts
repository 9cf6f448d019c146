import { isDoc, toNumber } from '../bson/types.js';
import { fault } from '../errors.js';

/** Which way a collection is read in the order of its records: 1 as they were inserted, -1 the other way. */
export type NaturalOrder = 1 | -1;

/** The `$natural` of a sort or a hint; undefined where there is none. It stands alone: no other field can refine it. */
export function naturalOrder(spec: unknown): NaturalOrder | undefined {
  if (!isDoc(spec) || !Object.hasOwn(spec, '$natural')) return undefined;
  if (Object.keys(spec).length > 1) return fault(2, 'Cannot include $natural in compound sort or hint');
  const direction = toNumber(spec.$natural);
  return direction === 1 || direction === -1
    ? direction
    : fault(2, '$natural cannot be set to a value other than -1 or 1');
}
