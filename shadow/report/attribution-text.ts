import type pico from 'picocolors';
import {
  formatDuration,
  type AttributedChange,
  type Attribution,
  type Difference,
} from '../../common/index.js';

type Colors = ReturnType<typeof pico.createColors>;

/** Lines of a changelog shown; the JSON has more. */
const CHANGELOG_LINES = 12;

/** Differences shown whose cause is not told for one reason; each stands above with the others. */
const UNTOLD_PLACES = 5;

/** How sure a cause is, in words. */
export const CONFIDENCE = {
  proven: 'proven',
  inseparable: 'together: they could not be tried apart',
  narrowed: 'narrowed down so far; the trials were spent',
};

/** Which change makes which difference, for a terminal. */
export function renderAttribution(
  attribution: Attribution,
  differences: readonly Difference[],
  colors: Colors,
  clip: (line: string) => string,
): string[] {
  const { causes, unattributed, trials, tookMs, unresolved } = attribution;
  const placeOf = (id: string): string => {
    const found = differences.find((difference) => difference.id === id);
    return found === undefined ? id : `${found.endpoint}  ${found.where}  ${colors.dim(id)}`;
  };
  return [
    colors.bold('caused by'),
    ...causes.flatMap(({ changes, differences: ids, confidence }) => [
      `  ${changes.map((change) => titleOf(change, colors)).join(' and ')}  ${colors.dim(CONFIDENCE[confidence])}`,
      ...ids.map((id) => `    ${placeOf(id)}`),
      ...changes.flatMap((change) => changelogOf(change).map((line) => colors.dim(clip(line)))),
    ]),
    ...byReason(unattributed).flatMap(({ because, differences: ids }) => [
      `  not told of ${ids.length}: ${because}`,
      ...ids.slice(0, UNTOLD_PLACES).map((id) => `    ${placeOf(id)}`),
      ...(ids.length > UNTOLD_PLACES ? [`    and ${ids.length - UNTOLD_PLACES} more`] : []),
    ]),
    clip(
      `  ${trials} trials in ${formatDuration(tookMs)}` +
        (unresolved.length === 0
          ? ''
          : `; ${unresolved.length} could not be run (${unresolved[0]!.because})`),
    ),
    '',
  ];
}

/** Differences whose cause is not told, by what kept it from being told, in the order in which that first stands. */
export function byReason(
  unattributed: Attribution['unattributed'],
): readonly { readonly because: string; readonly differences: readonly string[] }[] {
  const reasons = new Map<string, string[]>();
  for (const { difference, because } of unattributed) {
    const differences = reasons.get(because);
    if (differences === undefined) reasons.set(because, [difference]);
    else differences.push(difference);
  }
  return [...reasons].map(([because, differences]) => ({ because, differences }));
}

function titleOf(change: AttributedChange, colors: Colors): string {
  const { before, name, after } = describeChange(change);
  return `${before}${colors.bold(name)}${after}`;
}

/** A change in words, around its name. */
export function describeChange({ kind, name, from, to, through }: AttributedChange): {
  readonly before: string;
  readonly name: string;
  readonly after: string;
} {
  if (kind === 'env') return { before: '', name, after: ' in the env' };
  if (kind === 'file') return { before: 'the file ', name, after: '' };
  if (kind === 'manifest') return { before: '', name, after: ', beside its dependencies' };
  const below = through.length === 0 ? '' : `, below ${through.join(' and ')}`;
  return { before: '', name, after: ` ${from ?? '(none)'} → ${to ?? '(none)'}${below}` };
}

function changelogOf({ name, changelog }: AttributedChange): string[] {
  if (changelog === undefined) return [];
  const lines = changelog.text.split('\n').filter((line) => line.trim() !== '');
  const shown = lines.slice(0, CHANGELOG_LINES).map((line) => `      | ${line}`);
  const more = lines.length > shown.length || changelog.cut ? ['      | …'] : [];
  return [`      ${changelog.file} of ${name}`, ...shown, ...more];
}
