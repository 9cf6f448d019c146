/**
 * A scenario file: JSON lines. A line with `session` opens a session, `{"session", "weight"?, "vars"?}`; the lines
 * after it are its requests, `{"method", "path", "headers"?, "body"?, "capture"?, "expect"?, "counts"?}`. A file
 * without session lines is one session.
 *
 * `{{name}}` in path, headers and body stands for a capture of an earlier request, one of the session's `vars` (one
 * value is drawn for each run), or a variable of the client's own (see BUILT_IN).
 * Captures: `$.a.b` (JSON body), `header:name`, `cookie:name`, `regex:…(group)` on the body.
 */

/** Variables every client has: its number, two digits from 01, and that number kept below 40, as customers are. */
export const BUILT_IN = ['client', 'customer'];

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const REQUEST_KEYS = ['method', 'path', 'headers', 'body', 'capture', 'expect', 'counts'];
const SESSION_KEYS = ['session', 'weight', 'vars'];

/**
 * @param {string} text
 * @returns {{jar: boolean, sessions: {name: string, weight: number, vars: object, requests: object[]}[]}} `jar`:
 *   cookies are kept as a browser does; a file that is one plain list of requests writes its cookies itself.
 * Throws an Error that names the line.
 */
export function parseScenario(text) {
  const sessions = [];
  let jar = false;
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const number = index + 1;
    const entry = parseLine(line, number);
    if ('session' in entry) {
      jar = true;
      sessions.push(newSession(entry, number));
    } else {
      if (sessions.length === 0) sessions.push(newSession({ session: 'all' }, number));
      sessions.at(-1).requests.push(newRequest(entry, number));
    }
  }
  if (sessions.length === 0) throw new Error('the scenario is empty');
  sessions.forEach(checkSession);
  return { jar, sessions };
}

function parseLine(line, number) {
  try {
    const entry = JSON.parse(line);
    if (entry !== null && typeof entry === 'object' && !Array.isArray(entry)) return entry;
  } catch (error) {
    throw new Error(`line ${number}: ${error.message}`, { cause: error });
  }
  throw new Error(`line ${number}: expected a JSON object`);
}

function refuseOtherKeys(entry, keys, number) {
  const other = Object.keys(entry).find((key) => !keys.includes(key));
  if (other) throw new Error(`line ${number}: unknown key "${other}"; known are ${keys.join(', ')}`);
}

function newSession(entry, number) {
  refuseOtherKeys(entry, SESSION_KEYS, number);
  const { session: name, weight = 1, vars = {} } = entry;
  if (!(weight > 0)) throw new Error(`line ${number}: weight must be above 0, found ${weight}`);
  for (const [key, values] of Object.entries(vars)) {
    if (!Array.isArray(values) || values.length === 0)
      throw new Error(`line ${number}: vars.${key} must be a list`);
  }
  return { name, weight, vars, requests: [] };
}

function newRequest(entry, number) {
  refuseOtherKeys(entry, REQUEST_KEYS, number);
  const { method, path, headers = {}, body, capture = {}, expect, counts } = entry;
  if (!METHODS.includes(method))
    throw new Error(`line ${number}: method must be one of ${METHODS.join(', ')}`);
  if (!/^(\/|\{\{)/.test(path ?? '')) throw new Error(`line ${number}: path must start with "/"`);
  const expected = expect === undefined ? undefined : [expect].flat();
  if (expected && !expected.every(Number.isInteger))
    throw new Error(`line ${number}: expect must be a status or a list`);
  return { line: number, method, path, headers, body, capture, expected, counts };
}

/** Every variable a request uses must be known by then. */
function checkSession({ name, vars, requests }) {
  if (requests.length === 0) throw new Error(`session "${name}" has no requests`);
  const known = new Set([...BUILT_IN, ...Object.keys(vars)]);
  for (const request of requests) {
    for (const variable of variablesOf(request)) {
      if (!known.has(variable)) throw new Error(`line ${request.line}: {{${variable}}} is not known there`);
    }
    for (const [variable, rule] of Object.entries(request.capture)) {
      if (!/^(\$\.|header:|cookie:|regex:)./.test(rule))
        throw new Error(`line ${request.line}: cannot capture "${rule}"`);
      known.add(variable);
    }
  }
}

function variablesOf({ path, headers, body }) {
  const text = JSON.stringify([path, headers, body ?? '']);
  return [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]);
}

/** `text` with its `{{name}}`s replaced. */
export const fill = (text, variables) => text.replace(/\{\{(\w+)\}\}/g, (_all, name) => variables[name]);

/**
 * What a capture rule finds in an answer, as text; undefined where there is no such thing.
 * @param {{headers: import('node:http').IncomingHttpHeaders, body: Buffer}} answer
 */
export function captured(rule, { headers, body }) {
  if (rule.startsWith('header:')) return headers[rule.slice(7).toLowerCase()];
  if (rule.startsWith('cookie:')) return cookieValue(headers, rule.slice(7));
  if (rule.startsWith('regex:')) return new RegExp(rule.slice(6)).exec(body.toString())?.[1];
  try {
    const found = rule
      .slice(2)
      .split('.')
      .reduce((value, key) => value?.[key], JSON.parse(body.toString()));
    return found === undefined || found === null ? undefined : String(found);
  } catch {
    return undefined;
  }
}

function cookieValue(headers, name) {
  const prefix = `${name}=`;
  return headers['set-cookie']
    ?.find((cookie) => cookie.startsWith(prefix))
    ?.slice(prefix.length)
    .split(';')[0];
}
