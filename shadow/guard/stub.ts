import type { OutboundCall, OutboundStub } from '../../common/index.js';
import { matches } from '../endpoint.js';
import type { Answer } from './answer.js';

/** What the app's first stub that fits tells the call; undefined: none fits. Pure. */
export function stubFor(
  stubs: readonly OutboundStub[],
  call: Pick<OutboundCall, 'destination' | 'method' | 'target'>,
): Answer | undefined {
  const stub = stubs.find((one) => one.destination === call.destination && matches(one, call));
  if (stub === undefined) return undefined;
  const { status, headers, body } = stub;
  const isJson = body !== undefined && typeof body !== 'string';
  return {
    status,
    headers: [...(isJson ? [['Content-Type', 'application/json'] as const] : []), ...Object.entries(headers)],
    body: Buffer.from(isJson ? JSON.stringify(body) : (body ?? '')),
  };
}
