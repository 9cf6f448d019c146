import type { HeaderField, OutboundCall } from '../../common/index.js';
import { leavesOf, looksIssued, splitTarget } from './similarity.js';

/** What a call is answered with. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array;
}

/** Bodies beyond this are answered as they are: they are downloads, not messages that echo an id. */
const MAX_REWRITTEN_BYTES = 1024 * 1024;

/**
 * Live's answer, made the arm's own: where live's call held an id of live's and the arm's call holds another in the same
 * place, and the answer repeats live's, the arm's stands in its stead. Pure.
 */
export function answerFor(
  live: OutboundCall & { readonly response: Answer },
  arm: Pick<OutboundCall, 'target' | 'requestBody'>,
): Answer {
  const { response } = live;
  const pairs = issuedPairs(live, arm);
  if (pairs.length === 0) return response;
  const replace = (text: string): string =>
    pairs.reduce((current, [mine, theirs]) => current.replaceAll(mine, theirs), text);
  const encoded = response.headers.some(([name]) => name.toLowerCase() === 'content-encoding');
  const text = Buffer.from(response.body).toString('utf8');
  const rewritable =
    !encoded && response.body.length <= MAX_REWRITTEN_BYTES && Buffer.from(text).equals(response.body);
  return {
    status: response.status,
    headers: response.headers.map(([name, value]) => [name, replace(value)] as const),
    body: rewritable ? Buffer.from(replace(text)) : response.body,
  };
}

/** Live's value and the arm's, for each place of the call where they differ and both look like ids. Longest first. */
function issuedPairs(
  live: Pick<OutboundCall, 'target' | 'requestBody'>,
  arm: Pick<OutboundCall, 'target' | 'requestBody'>,
): [string, string][] {
  const theirs = new Map(placesOf(arm));
  const pairs = new Map<string, string>();
  for (const [place, value] of placesOf(live)) {
    const other = theirs.get(place);
    // Short values (counts, prices) stand in many places by chance.
    if (other === undefined || other === value || Math.min(value.length, other.length) < 6) continue;
    if (looksIssued(value) && looksIssued(other)) pairs.set(value, other);
  }
  return [...pairs].sort(([a], [b]) => b.length - a.length);
}

function placesOf(call: Pick<OutboundCall, 'target' | 'requestBody'>): [string, string][] {
  const [path, query] = splitTarget(call.target);
  return [
    ...path.split('/').map((segment, i): [string, string] => [`/${i}`, segment]),
    ...[...new URLSearchParams(query)].map(([key, value]): [string, string] => [`?${key}`, value]),
    ...(leavesOf(Buffer.from(call.requestBody).toString('utf8')) ?? []),
  ];
}
