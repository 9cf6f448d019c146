import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { captured, fill } from './scenario.mjs';

const CUSTOMERS = 40;
const REQUEST_TIMEOUT_MS = 30_000;

/** Who visits: a client is one of them all its life. */
const BROWSERS = [
  'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
  'shop-app/3.2 (Android 16)',
];

/** Numbers in [0, 1) that a seed decides (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * One visitor: runs sessions of the scenario one after another, each with an empty cookie jar, at its share of the
 * rate, until `rounds` sessions are done or the signal says stop. What is in flight then is still finished, so that
 * what was counted is what was written.
 */
export class Client {
  /** Draws sessions and values; the pacing has its own, so that a failed session shifts nothing. */
  #random;
  #jitter;
  #next = 0;
  #options;
  #variables;
  /** Headers that a browser sends with everything. */
  #habits;

  /** @param {{index: number, seed: number, intervalMs: number, scenario: object, base: URL, agent: import('node:http').Agent, tally: import('./tally.mjs').Tally}} options */
  constructor(options) {
    const { index, seed } = options;
    this.#options = options;
    this.#random = random(Math.imul(seed, 1_000_003) + index);
    this.#jitter = random(~(Math.imul(seed, 1_000_003) + index));
    this.#habits = {
      'user-agent': BROWSERS[index % BROWSERS.length],
      accept: '*/*',
      'accept-language': index % 2 === 0 ? 'en' : 'de,en;q=0.7',
    };
    const two = (n) => String(n).padStart(2, '0');
    this.#variables = { client: two(index + 1), customer: two((index % CUSTOMERS) + 1) };
  }

  /** @param {number} rounds @param {AbortSignal} signal */
  async run(rounds, signal) {
    const { intervalMs } = this.#options;
    this.#next = performance.now() + this.#jitter() * intervalMs;
    for (let round = 0; round < rounds && !signal.aborted; round++) await this.#session(signal);
  }

  async #session(signal) {
    const { scenario, tally } = this.#options;
    const session = this.#draw(scenario.sessions);
    const variables = { ...this.#variables };
    for (const [name, values] of Object.entries(session.vars)) {
      variables[name] = String(values[Math.floor(this.#random() * values.length)]);
    }
    const jar = new Map();
    for (const request of session.requests) {
      await this.#pause(signal);
      if (signal.aborted) return;
      // What follows would only fail for this failure's sake.
      if (!(await this.#send(session, request, variables, jar))) return;
    }
    tally.sessionDone(session.name);
  }

  #draw(sessions) {
    let left = this.#random() * sessions.reduce((sum, session) => sum + session.weight, 0);
    return sessions.find((session) => (left -= session.weight) < 0) ?? sessions.at(-1);
  }

  /** Keeps the rate on average; one that is late goes at once and is not made to catch up. */
  async #pause(signal) {
    const wait = this.#next - performance.now();
    this.#next = Math.max(this.#next, performance.now()) + this.#options.intervalMs * (0.5 + this.#jitter());
    if (wait > 0) await sleep(wait, undefined, { signal }).catch(() => {});
  }

  /** Sends one request; says whether it went as the scenario expects. */
  async #send(session, request, variables, jar) {
    const { tally, scenario } = this.#options;
    const headers = scenario.jar ? { ...this.#habits } : {};
    for (const [name, value] of Object.entries(request.headers))
      headers[name.toLowerCase()] = fill(value, variables);
    if (scenario.jar && jar.size > 0 && !headers.cookie) {
      headers.cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    }
    const path = fill(request.path, variables);
    const body = request.body === undefined ? undefined : fill(request.body, variables);
    const where = { session: session.name, line: request.line, method: request.method, path };
    const started = performance.now();
    let answer;
    try {
      answer = await this.#exchange(request.method, path, headers, body);
    } catch (error) {
      tally.failed({ ...where, error: error.code ?? error.message });
      return false;
    }
    tally.answered(answer.status, performance.now() - started);
    if (request.expected && !request.expected.includes(answer.status)) {
      tally.failed({ ...where, expected: request.expected.join(' or '), status: answer.status });
      return false;
    }
    if (request.counts) tally.count(request.counts);
    keepCookies(jar, answer.headers['set-cookie'] ?? []);
    for (const [name, rule] of Object.entries(request.capture)) {
      const value = captured(rule, answer);
      if (value === undefined) {
        tally.failed({ ...where, status: answer.status, error: `nothing to capture by ${rule}` });
        return false;
      }
      variables[name] = value;
    }
    return true;
  }

  #exchange(method, path, headers, body) {
    const { base, agent } = this.#options;
    if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body));
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest(
        { host: base.hostname, port: base.port, method, path, headers, agent, timeout: REQUEST_TIMEOUT_MS },
        (incoming) => {
          const chunks = [];
          incoming.on('data', (chunk) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () =>
            resolve({ status: incoming.statusCode, headers: incoming.headers, body: Buffer.concat(chunks) }),
          );
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}

function keepCookies(jar, setCookies) {
  for (const cookie of setCookies) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
    if (!name) continue;
    const expires = /;\s*expires=([^;]+)/i.exec(cookie)?.[1];
    if (expires && Date.parse(expires) <= Date.now()) jar.delete(name);
    else jar.set(name, value);
  }
}
