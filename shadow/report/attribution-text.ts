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
    ...unattributed.map(({ difference, because }) => `  not told: ${because}\n    ${placeOf(difference)}`),
    clip(
      `  ${trials} trials in ${formatDuration(tookMs)}` +
        (unresolved.length === 0
          ? ''
          : `; ${unresolved.length} could not be run (${unresolved[0]!.because})`),
    ),
    '',
  ];
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
