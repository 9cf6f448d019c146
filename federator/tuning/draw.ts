import { createHash } from 'node:crypto';

/** A number from 0 to 1, drawn by a seed for what is named: the same each time. */
export function drawOf(seed: string, name: string): number {
  const digest = createHash('sha256').update(`${seed}\n${name}`).digest();
  return digest.readUInt32BE(0) / 2 ** 32;
}

/** The names in a random order, each order equally likely. */
export function shuffled(names: readonly string[], seed: string): string[] {
  return [...names].sort((a, b) => drawOf(seed, a) - drawOf(seed, b) || (a < b ? -1 : 1));
}
