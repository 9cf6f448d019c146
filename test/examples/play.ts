import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { pathToFileURL } from 'node:url';
import { exampleFile } from './run.js';

interface ScenarioRequest {
  readonly line: number;
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
  readonly capture: Record<string, string>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

/** One request of the scenario as a visitor sent it, and what came back. */
export interface Played {
  readonly line: number;
  readonly method: string;
  readonly path: string;
  readonly answer: Answer;
}

interface ScenarioModule {
  parseScenario(text: string): {
    sessions: { name: string; vars: Record<string, unknown[]>; requests: ScenarioRequest[] }[];
  };
  fill(text: string, variables: Record<string, string>): string;
  captured(rule: string, answer: Answer): string | undefined;
}

// The driver is plain JavaScript without types of its own.
const scenario = (await import(pathToFileURL(exampleFile('traffic/scenario.mjs')).href)) as ScenarioModule;

/** Plays every session of the shop's scenario once, one request after another, with the first of each session's values. */
export async function playAll(base: string): Promise<Played[]> {
  const played: Played[] = [];
  const { sessions } = scenario.parseScenario(await readFile(exampleFile('shop/scenario.jsonl'), 'utf8'));
  for (const session of sessions) {
    const variables: Record<string, string> = { client: '01', customer: '01' };
    for (const [name, values] of Object.entries(session.vars)) variables[name] = String(values[0]);
    const jar = new Map<string, string>();
    for (const request of session.requests) {
      const path = scenario.fill(request.path, variables);
      const answer = await send(base, request, path, variables, jar);
      for (const [name, rule] of Object.entries(request.capture)) {
        variables[name] = scenario.captured(rule, answer) ?? 'nothing-captured';
      }
      played.push({ line: request.line, method: request.method, path, answer });
    }
  }
  return played;
}

async function send(
  base: string,
  request: ScenarioRequest,
  path: string,
  variables: Record<string, string>,
  jar: Map<string, string>,
): Promise<Answer> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers))
    headers[name] = scenario.fill(value, variables);
  if (jar.size > 0) headers.cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  const body = request.body === undefined ? undefined : scenario.fill(request.body, variables);
  if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body));
  const answer = await new Promise<Answer>((resolve, reject) => {
    const { hostname: host, port } = new URL(base);
    const outgoing = httpRequest({ host, port, method: request.method, path, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
  for (const cookie of [answer.headers['set-cookie'] ?? []].flat()) {
    const [name = '', value = ''] = (cookie.split(';')[0] ?? '').split(/=(.*)/s);
    jar.set(name, value);
  }
  return answer;
}

/** Where two answers differ: `status`, `header:name`, `body`, or `body:$.a.b` of JSON, with `[*]` for any index. */
export function differences(a: Answer, b: Answer): Set<string> {
  const places = new Set<string>();
  if (a.status !== b.status) places.add('status');
  for (const name of new Set([...Object.keys(a.headers), ...Object.keys(b.headers)])) {
    if (FRAMING.has(name)) continue;
    if (settled(String(a.headers[name])) !== settled(String(b.headers[name]))) places.add(`header:${name}`);
  }
  const [left, right] = [jsonOf(a), jsonOf(b)];
  if (left !== undefined && right !== undefined) compareJson(left, right, 'body:$', places);
  else if (settled(a.body.toString()) !== settled(b.body.toString())) places.add('body');
  return places;
}

/** They follow from the body, the clock or the connection. */
const FRAMING = new Set(['date', 'connection', 'keep-alive', 'content-length', 'etag']);

/** Text without what is random or a time in it. */
function settled(text: string): string {
  return text
    .replace(/name="_csrf" value="[^"]+"/g, 'csrf')
    .replace(/nonce(-|=")[\w+/=]+/g, 'nonce')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'time')
    .replace(/\/[0-9a-f]{24}\b/g, '/id');
}

function jsonOf({ headers, body }: Answer): unknown {
  // A HEAD has a body's headers without the body.
  const isJson = body.length > 0 && String(headers['content-type']).startsWith('application/json');
  return isJson ? JSON.parse(body.toString()) : undefined;
}

function compareJson(a: unknown, b: unknown, place: string, places: Set<string>): void {
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) {
    a.forEach((item, index) => compareJson(item, b[index], `${place}[*]`, places));
  } else if (isRecord(a) && isRecord(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      // A field that comes or goes is no noise, however noisy its values are.
      if (key in a && key in b) compareJson(a[key], b[key], `${place}.${key}`, places);
      else places.add(`${place}.${key} missing`);
    }
  } else if (JSON.stringify(a) !== JSON.stringify(b)) {
    places.add(place);
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
