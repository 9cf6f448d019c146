import type { DharmaErrorJson } from '../../common/index.js';

/** A time in which something needs the operator that mails are sent for; `_id` is what it is about. */
export interface Episode {
  readonly _id: string;
  readonly begunAt: Date;
  /** When it was last seen. */
  readonly seenAt: Date;
  /** When the list was told; null: not yet. */
  readonly mailedAt: Date | null;
  readonly clusters: readonly string[];
  readonly problem: DharmaErrorJson;
}

export interface Seen {
  readonly cluster: string;
  readonly problem: DharmaErrorJson;
}

/** Problems that mails are sent for, and what they are about: the ceiling is one, whatever cluster meets it. */
const SUBJECTS: Readonly<Record<string, string>> = {
  CEILING_REACHED: 'ceiling',
  CEILING_BELOW_RUNNING: 'ceiling',
  PRICE_UNKNOWN: 'price',
};

/** Prices are by the hour: what is gone for less may be the same trouble between two ticks. */
const OVER_AFTER_MS = 3_600_000;

/** The episodes that go on or begin, and those that are over. Pure. */
export function followEpisodes(
  before: readonly Episode[],
  seen: readonly Seen[],
  now: Date,
): { readonly open: readonly Episode[]; readonly over: readonly string[] } {
  const subjects = new Set(seen.flatMap(({ problem }) => SUBJECTS[problem.code] ?? []));
  const open = [...new Set([...before.map(({ _id }) => _id), ...subjects])].flatMap((subject): Episode[] => {
    const known = before.find(({ _id }) => _id === subject);
    const current = seen.filter(({ problem }) => SUBJECTS[problem.code] === subject);
    if (current.length === 0) {
      const isOver = now.getTime() - known!.seenAt.getTime() > OVER_AFTER_MS;
      return isOver ? [] : [known!];
    }
    return [
      {
        _id: subject,
        begunAt: known?.begunAt ?? now,
        seenAt: now,
        mailedAt: known?.mailedAt ?? null,
        clusters: [...new Set([...(known?.clusters ?? []), ...current.map(({ cluster }) => cluster)])].sort(),
        problem: current[0]!.problem,
      },
    ];
  });
  const kept = new Set(open.map(({ _id }) => _id));
  return { open, over: before.map(({ _id }) => _id).filter((id) => !kept.has(id)) };
}
