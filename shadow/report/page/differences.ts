import {
  REASON_CHARACTERS,
  type Difference,
  type DifferenceExample,
  type ShadowReport,
} from '../../../common/index.js';
import { valueDiff } from '../value-diff.js';
import { clipped, count, counted, html, type Html, type Part } from './html.js';
import { NAME_CHARACTERS, leftOut, type PageLimits } from './limits.js';
import { fold, markDifferences, type Marked } from './marks.js';
import { placeTree, type PlaceNode } from './place-tree.js';

/** Characters of one side of an example. */
const VALUE_CHARACTERS = 2000;

/** How a difference is accepted: by a form that is sent to `accept` beside the page, by a command, or not at all. */
export type Accepting = 'here' | 'by command' | 'not';

interface Showing {
  readonly accepting: Accepting;
  /** Characters of examples that the page has room for. */
  charactersLeft: number;
}

/** Endpoint by endpoint, what differs: answers, then effects, then outbound calls, as trees of places. */
export function differencesSection(report: ShadowReport, limits: PageLimits, accepting: Accepting): Part {
  if (report.differences.length === 0) return undefined;
  const shown = report.differences.slice(0, limits.places);
  const left = report.differences.length - shown.length;
  const showing: Showing = { accepting, charactersLeft: limits.exampleCharacters };
  const endpoints = [...new Set(shown.map(({ endpoint }) => endpoint))];
  return html`<section>
    <h2>What the update changes</h2>
    ${endpoints.map((endpoint) => endpointPart(endpoint, shown, report, showing))}
    ${left > 0 && leftOut(counted(left, 'more place'))}
  </section>`;
}

const GROUPS: readonly (readonly [title: string, places: RegExp])[] = [
  ['Answers', /^(?:status|header:|body)/],
  ['Effects on stores and files', /^(?:state:|file:)/],
  ['Outbound calls', /^egress:/],
  ['Other', /^(?!status|header:|body|state:|file:|egress:)/],
];

function endpointPart(
  endpoint: string,
  shown: readonly Difference[],
  report: ShadowReport,
  showing: Showing,
): Html {
  const here = shown.filter((difference) => difference.endpoint === endpoint);
  const compared = report.coverage.endpoints.find((one) => one.endpoint === endpoint)?.compared;
  const failing = Math.max(0, ...here.filter(({ accepted }) => !accepted).map((one) => one.count));
  const groups = GROUPS.map(([title, places]) => ({
    title,
    differences: here.filter(({ where }) => places.test(where)),
  })).filter(({ differences }) => differences.length > 0);
  return html`<article>
    <h3>
      ${clipped(endpoint, NAME_CHARACTERS)}
      ${compared !== undefined && html`<span class="soft">${count(failing)} failing of ${count(compared)}</span>`}
    </h3>
    ${groups.map(
      ({ title, differences }) =>
        html`<p class="soft">${title}</p>
          ${tree(placeTree(differences), showing)}`,
    )}
  </article>`;
}

function tree(nodes: readonly PlaceNode[], showing: Showing): Html {
  return html`<ul class="tree">
    ${nodes.map(
      (node) =>
        html`<li>
          <code>${clipped(node.label, NAME_CHARACTERS)}</code>
          ${node.differences.map((difference) => differencePart(difference, showing))}
          ${node.children.length > 0 && tree(node.children, showing)}
        </li> `,
    )}
  </ul>`;
}

function differencePart(difference: Difference, showing: Showing): Html {
  const { kind, risk, noise, confidence, accepted, detail, traits = [], id } = difference;
  const inside = [...(detail === undefined ? [] : [detail]), ...traits].join(', ');
  const example = difference.examples[0];
  return html`<div class="difference" id="${id}">
    ${accepted && html`<strong>accepted</strong> (${clipped(difference.acceptedBecause ?? '', NAME_CHARACTERS)}) `}
    ${inside !== '' && html`(${inside}) `} ${kind}, risk
    <span class="${risk}">${risk}</span>, ${count(difference.count)} of ${count(difference.of)}, noise
    ${count(noise)}, ${Math.floor(confidence * 1000) / 10}% sure ${!accepted && notCovered(difference)}
    ${example !== undefined && !accepted && examplePart(example, showing)}
    ${!accepted && acceptPart(id, showing.accepting)}
  </div>`;
}

function acceptPart(id: string, accepting: Accepting): Part {
  if (accepting === 'not') return undefined;
  const how =
    accepting === 'by command'
      ? html`<pre>federate shadow accept ${id} --reason '…'</pre>`
      : html`<form method="post" action="accept">
          <input type="hidden" name="difference" value="${id}" />
          <label>Why it is intended <input name="reason" required maxlength="${REASON_CHARACTERS}" /></label>
          <button>Accept</button>
        </form>`;
  return html`<details>
    <summary class="soft">Accept it as intended</summary>
    ${how}
  </details>`;
}

/** Where a rule accepts some changes of the place: those it does not. */
function notCovered({ changes }: Difference): Part {
  if (!changes.some(({ accepted }) => accepted)) return undefined;
  return changes
    .filter(({ accepted }) => !accepted)
    .map(
      ({ kind, old, new: fresh }) =>
        html`<div class="soft">not as accepted: ${kind}, <code>${old} → ${fresh}</code></div>`,
    );
}

function examplePart(example: DifferenceExample, showing: Showing): Part {
  const [old, fresh] = [example.old ?? '(absent)', example.new ?? '(absent)'].map((text) =>
    clipped(text, VALUE_CHARACTERS),
  ) as [string, string];
  showing.charactersLeft -= old.length + fresh.length;
  if (showing.charactersLeft < 0) return leftOut('the example');
  const marked = markDifferences(old, fresh);
  const { method, target, index } = example.request;
  return html`${
      method !== '' && html`<div class="soft">#${index} ${method} ${clipped(target, NAME_CHARACTERS)}</div>`
    }
    <div class="sides">
      <div class="old">
        <span class="soft">old</span>
        <pre>${runs(marked.old)}</pre>
      </div>
      <div class="new">
        <span class="soft">new</span>
        <pre>${runs(marked.new)}</pre>
      </div>
    </div>
    ${valueDiff(example.old, example.new).map(
      (line) => html`<div class="soft"><code>${clipped(line, NAME_CHARACTERS)}</code></div>`,
    )}`;
}

function runs(marked: Marked['old']): readonly Part[] {
  return fold(marked).map((run) => {
    if ('folded' in run) return html`<span class="soft">… ${counted(run.folded, 'line')} alike …</span>`;
    return run.differs ? html`<mark>${run.text}</mark>` : run.text;
  });
}
