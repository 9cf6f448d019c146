import { findNative } from '../../common/index.js';

/** Command and arguments that start a Node script which ends with this process, however this one ends. */
export function tiedScript(script: string, args: readonly string[]): [command: string, args: string[]] {
  const launcher = findNative('dharma-run');
  const node = [process.execPath, script, ...args];
  if (launcher === undefined) return [process.execPath, node.slice(1)];
  return [launcher, [`--die-with-parent=${process.pid}`, '--', ...node]];
}
