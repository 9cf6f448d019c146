import { formatDuration, type AttributedChange, type ShadowReport } from '../../../common/index.js';
import { CONFIDENCE, byReason, describeChange } from '../attribution-text.js';
import { clipped, counted, html, type Html, type Part } from './html.js';
import { NAME_CHARACTERS, bounded, type PageLimits } from './limits.js';

/** Which of the update's changes makes which difference, with what its changelog says. */
export function attributionSection(report: ShadowReport, limits: PageLimits): Part {
  const { attribution } = report;
  if (attribution === undefined) return undefined;
  const places = new Map(report.differences.map(({ id, endpoint, where }) => [id, `${endpoint}  ${where}`]));
  const list = (ids: readonly string[]): Html => {
    const { shown, rest } = bounded(ids, limits.rows, 'place');
    return html`<ul>
        ${shown.map((id) => html`<li><code>${clipped(places.get(id) ?? id, NAME_CHARACTERS)}</code></li> `)}
      </ul>
      ${rest}`;
  };
  return html`<section>
    <h2>What causes it</h2>
    ${attribution.causes.map(
      ({ changes, differences, confidence }) =>
        html`<article>
          <h3>
            ${changes.map((change, i) => html`${i > 0 && ' and '}${title(change)}`)}
            <span class="soft">${CONFIDENCE[confidence]}</span>
          </h3>
          ${list(differences)} ${changes.map(changelog)}
        </article>`,
    )}
    ${byReason(attribution.unattributed).map(
      ({ because, differences }) =>
        html`<p class="soft">Not told of ${differences.length}: ${because}</p>
          ${list(differences)}`,
    )}
    <p class="soft">
      ${counted(attribution.trials, 'trial')} in ${formatDuration(attribution.tookMs)}, of
      ${counted(attribution.requests, 'request')} each.
      ${attribution.unresolved.length > 0 && `${counted(attribution.unresolved.length, 'mix', 'mixes')} could not be run.`}
    </p>
  </section>`;
}

function title(change: AttributedChange): Html {
  const { before, name, after } = describeChange(change);
  return html`${before}<strong>${clipped(name, NAME_CHARACTERS)}</strong>${clipped(after, NAME_CHARACTERS)}`;
}

function changelog({ name, changelog: told }: AttributedChange): Part {
  if (told === undefined) return undefined;
  return html`<details>
    <summary class="soft">${told.file} of ${clipped(name, NAME_CHARACTERS)}</summary>
    <pre class="changelog">${told.text}${told.cut && '\n…'}</pre>
  </details>`;
}
