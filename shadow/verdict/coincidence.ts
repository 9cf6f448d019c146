import type { Observation } from '../compare/observation.js';

/** One word of letters and digits, so long that two draws of it never coincide: 16 characters of hex are 64 bits. */
const LONG_WORD = /^(?=[^]*\d)(?=[^]*[A-Za-z])[\w+/=.~-]{16,}$/;

/**
 * Whether arms cannot have shown the same by chance: a long word (a signature, a hash) is computed where two arms agree in
 * it. That live shows another, at another moment, makes no draw of it.
 */
export function cannotCoincide({ feature, frail, raw }: Observation): boolean {
  const [oldA = '', oldB, newA = '', newB] = raw;
  if (feature !== 'value' || frail === true || oldA !== oldB || newA !== newB) return false;
  return LONG_WORD.test(oldA) && LONG_WORD.test(newA) && !isTime(oldA) && !isTime(newA);
}

/** A moment is the same in arms that act at the same moment. */
function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT|^\d{8}T\d{6}/.test(text);
}
