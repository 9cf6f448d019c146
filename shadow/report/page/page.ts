import {
  formatDuration,
  type CronRehearsal,
  type Performance,
  type ShadowReport,
} from '../../../common/index.js';
import { describeCron } from '../cron-text.js';
import { describePerformance } from '../performance-text.js';
import { attributionSection } from './attribution.js';
import { differencesSection, type Accepting } from './differences.js';
import { clipped, count, counted, html, type Html, type Part } from './html.js';
import { NAME_CHARACTERS, PAGE_LIMITS, bounded, type PageLimits } from './limits.js';
import { STYLES } from './styles.js';

export interface PageOptions {
  /** How a difference is accepted: by a form on the page, by a command that it tells, or not at all. */
  readonly accepting: Accepting;
  /** Told first: why what was asked for by the page's form was not done. */
  readonly notice?: string;
  readonly limits?: PageLimits;
}

/**
 * The report as one page that needs nothing else: no script, nothing from the network, which its policy forbids besides.
 * What an app answered is escaped wherever it stands.
 */
export function renderPage(report: ShadowReport, options: PageOptions): string {
  const limits = options.limits ?? PAGE_LIMITS;
  const title = `${report.verdict}: upgrade ${report.upgrade}`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${pagePolicy(options.accepting)}" />
        <title>${title}</title>
        <style>
          ${STYLES}
        </style>
      </head>
      <body>
        ${options.notice !== undefined && html`<p class="notice" role="alert">${options.notice}</p>`}
        ${head(report, limits)}
        <main>
          ${attributionSection(report, limits)} ${differencesSection(report, limits, options.accepting)}
          ${noise(report, limits)} ${coverage(report, limits)}
          ${report.performance && performance(report.performance)} ${report.cron && cron(report.cron)}
        </main>
        <footer class="soft"><p>${timings(report)}</p></footer>
      </body>
    </html> `.markup;
}

/** What a browser may do for the page: show it, and send its forms to where it came from. */
export function pagePolicy(accepting: Accepting): string {
  const forms = accepting === 'here' ? "'self'" : "'none'";
  return `default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action ${forms}`;
}

function head(report: ShadowReport, limits: PageLimits): Html {
  return html`<header>
    <h1 class="${report.verdict}">${report.verdict}</h1>
    <p>${report.because}</p>
    <dl>
      ${row('exchanges', ledger(report))} ${row('guard', guard(report))} ${row('upgrade', report.upgrade)}
      ${row('old release', report.old.release)} ${row('new release', report.new.release)}
      ${report.packages.length > 0 && row('packages', packages(report, limits))}
    </dl>
  </header>`;
}

/** More packages than that are told as a number, until asked for. */
const PLAIN_PACKAGES = 8;

function packages(report: ShadowReport, limits: PageLimits): Html {
  const { shown, rest } = bounded(report.packages, limits.rows, 'package');
  const told = shown
    .map(({ name: of, old, new: fresh }) => `${name(of)} ${old ?? '(none)'} → ${fresh ?? '(none)'}`)
    .join(', ');
  if (report.packages.length <= PLAIN_PACKAGES) return html`${told}`;
  return html`<details>
    <summary>${counted(report.packages.length, 'package')}</summary>
    ${told} ${rest}
  </details>`;
}

function row(name: string, value: Part): Html {
  return html`<dt>${name}</dt>
    <dd>${value}</dd>`;
}

function ledger({ ledger: book }: ShadowReport): string {
  const dropped = Object.entries(book.dropped).map(([reason, n]) => `${count(n)} ${reason}`);
  const parts = [
    `${count(book.compared)} compared`,
    `${count(book.unbound)} unbound`,
    `${count(book.truncated)} truncated`,
    `${count(book.unanswered)} unanswered`,
    dropped.length === 0 ? '0 dropped' : `dropped: ${dropped.join(', ')}`,
    `${count(book.pending)} pending`,
  ];
  return `${count(book.captured)} captured = ${parts.join(' + ')}`;
}

function guard({ guard: held }: ShadowReport): string {
  const calls = held.calls.reduce((sum, { count: n }) => sum + n, 0);
  return `${counted(calls, 'call')} held back (${count(held.answered)} answered with what live got, ${held.stubbed > 0 ? `${count(held.stubbed)} by stubs, ` : ''}${count(held.refused)} refused), ${count(held.escaped)} escaped; enforced by ${held.enforcement}`;
}

function noise(report: ShadowReport, limits: PageLimits): Part {
  if (report.noise.length === 0) return undefined;
  const { shown, rest } = bounded(report.noise, limits.rows, 'noisy place');
  return html`<section>
    <h2>Noise, not counted</h2>
    <details>
      <summary>${counted(report.noise.length, 'place')} that vary within a release</summary>
      ${table(
        ['endpoint', 'place', 'exchanges', 'shape'],
        shown.map((one) => [
          name(one.endpoint),
          html`<code>${name(one.where)}</code>`,
          `${count(one.count)} of ${count(one.of)}`,
          one.shape,
        ]),
      )}
      ${rest}
    </details>
  </section>`;
}

function coverage({ coverage: covered }: ShadowReport, limits: PageLimits): Html {
  const { shown, rest } = bounded(covered.endpoints, limits.rows, 'endpoint');
  const notes = [
    ...covered.neverHit.map((endpoint) => `never hit: ${endpoint}`),
    ...covered.bodiesNotCompared.map((why) => `body not read: ${why}`),
    ...(covered.caveats ?? []),
  ];
  return html`<section>
    <h2>What was covered, and what was not</h2>
    ${
      notes.length > 0 &&
      html`<ul>
        ${notes.slice(0, limits.rows).map((note) => html`<li>${name(note)}</li> `)}
      </ul>`
    }
    ${table(
      ['endpoint', 'captured', 'compared', 'differing'],
      shown.map((one) => [
        name(one.endpoint),
        count(one.captured),
        count(one.compared),
        count(one.differing),
      ]),
    )}
    ${rest}
  </section>`;
}

function cron(rehearsed: CronRehearsal): Html {
  return html`<section>
    <h2>The cron</h2>
    ${describeCron(rehearsed).map((line) => html`<p>${line}</p>`)}
  </section>`;
}

function performance(costs: Performance): Html {
  const { shown, memory, sizes } = describePerformance(costs);
  return html`<section>
    <h2>What it costs</h2>
    <p>Over ${counted(costs.exchanges, 'exchange')} that every arm answered. It makes no verdict.</p>
    ${table(
      ['cost', 'old', 'new', 'noise', 'told'],
      shown.map((one) => [one.what, one.old, one.new, one.noise, one.told]),
    )}
    <p>${memory}</p>
    ${sizes === undefined ? '' : html`<p>${sizes}</p>`}
  </section>`;
}

function timings({ timings: t }: ShadowReport): string {
  const medians = Object.entries(t.armMedianMs).map(([arm, ms]) => `${arm} ${ms.toFixed(1)} ms`);
  const told = `Clone ${formatDuration(t.cloneMs)}, replay ${formatDuration(t.replayedMs)}, behind live ${formatDuration(t.lagMs)}`;
  return medians.length === 0 ? told : `${told}; median answer ${medians.join(', ')}`;
}

function table(heads: readonly string[], rows: readonly (readonly Part[])[]): Html {
  return html`<table>
    <tr>
      ${heads.map((head) => html`<th>${head}</th> `)}
    </tr>
    ${rows.map(
      (cells) =>
        html`<tr>
          ${cells.map((cell) => html`<td>${cell}</td> `)}
        </tr> `,
    )}
  </table>`;
}

function name(text: string): string {
  return clipped(text, NAME_CHARACTERS);
}
