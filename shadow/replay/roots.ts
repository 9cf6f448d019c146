import type { RawAnswer } from '../answer.js';

/** What stands for an app's folder in answers (stack traces, mostly). */
const ROOT = '/app';

/** The answer with the folders its app runs in named alike for all arms. */
export function withoutRoots(answer: RawAnswer, roots: readonly string[]): RawAnswer {
  const bytes = Buffer.from(answer.body.buffer, answer.body.byteOffset, answer.body.byteLength);
  const present = roots.filter((root) => bytes.includes(root));
  if (present.length === 0) return answer;
  let text = bytes.toString('latin1');
  for (const root of present) text = text.replaceAll(Buffer.from(root).toString('latin1'), ROOT);
  return { ...answer, body: Buffer.from(text, 'latin1') };
}
