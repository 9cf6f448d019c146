/** The strings that are values, and the numbers, of a JSON text: as they are written, in their order. */
export function writtenValues(text: string): readonly string[] {
  return [...text.matchAll(VALUE)].flatMap(([written, key]) => (key === undefined ? [written] : []));
}

const VALUE = /"(?:[^"\\]|\\.)*"(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * How written values that mean the same, or share characters, are written, one label a text: the values themselves where
 * they are one (`1` and `1.0`), and the escapes of the characters that all of them have (`\u00e9` and `é`). The texts
 * are of one skeleton. Values that are not one and share nothing of that say nothing.
 */
export function spellingLabels(texts: readonly string[]): readonly string[] {
  const rows = texts.map(writtenValues);
  const labels = texts.map((): string[] => []);
  for (const i of rows[0]!.keys()) {
    const written = rows.map((row) => row[i] ?? '');
    if (written.every((one) => one === written[0])) continue;
    for (const [side, label] of labelsOf(written).entries()) labels[side]!.push(label);
  }
  return labels.map((parts) => parts.join('\n'));
}

function labelsOf(written: readonly string[]): readonly string[] {
  const values = written.map(valueOf);
  if (values.every((value) => value === values[0])) return written;
  if (!written.every((one) => one.startsWith('"'))) return written.map(() => '');
  const spellings = written.map(escapesOf);
  const shared = [...spellings[0]!.keys()].filter((char) => spellings.every((of) => of.has(char)));
  return spellings.map((of) => shared.map((char) => of.get(char)!).join());
}

/** Text that the row is short of, or an integer that a double does not hold, is taken as it is. */
function valueOf(written: string): unknown {
  if (/^-?\d{16,}$/.test(written)) return written;
  try {
    return JSON.parse(written) as unknown;
  } catch {
    return written;
  }
}

/** Character → how it is written, for those that can be written otherwise without need: beyond ASCII, the slash, controls. */
function escapesOf(written: string): ReadonlyMap<string, string> {
  const escapes = new Map<string, string>();
  for (const [piece] of written
    .slice(1, -1)
    .matchAll(/\\u[\da-fA-F]{4}|\\.|[^\x20-\x2e\x30-\x5b\x5d-\x7e]/g)) {
    const character = valueOf(`"${piece}"`);
    if (typeof character === 'string') escapes.set(character, piece);
  }
  return escapes;
}
