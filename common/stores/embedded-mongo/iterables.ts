/** How many items there are; takes them all. */
export function lengthOf(items: Iterable<unknown>): number {
  const iterator = items[Symbol.iterator]();
  let length = 0;
  while (iterator.next().done !== true) length += 1;
  return length;
}
