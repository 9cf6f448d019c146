import type { RouteTest } from '../../common/index.js';

/** The little of an answer that a route test looks at. Header names in lower case. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** What is wrong with an answer: what was expected and what was found. */
export interface Mismatch {
  readonly expected: string;
  readonly found: string;
}

/** The first thing in which `answer` is not what the test expects; undefined when it is. Pure. */
export function checkAnswer(expect: RouteTest['expect'], answer: Answer): Mismatch | undefined {
  if (answer.status !== expect.status)
    return { expected: `status ${expect.status}`, found: `status ${answer.status}` };
  for (const [name, value] of Object.entries(expect.headers ?? {})) {
    const found = answer.headers[name.toLowerCase()];
    const values = found === undefined ? [] : [found].flat();
    if (!values.includes(value))
      return {
        expected: `header ${name}: ${value}`,
        found: found === undefined ? `no header ${name}` : `${name}: ${values.join(', ')}`,
      };
  }
  if (expect.contains !== undefined && !answer.body.includes(expect.contains))
    return {
      expected: `a body that contains ${JSON.stringify(expect.contains)}`,
      found: excerpt(answer.body),
    };
  return undefined;
}

function excerpt(body: string): string {
  if (body === '') return 'an empty body';
  return JSON.stringify(body.length > 200 ? `${body.slice(0, 200)}…` : body);
}
