/** Parts of an answer as it came over the wire. */

export const statusOf = (answer: string): number => Number(answer.split(' ')[1]);

export const fieldOf = (answer: string, name: string): string | undefined =>
  new RegExp(`^${name}: (.*)\r$`, 'im').exec(answer.slice(0, answer.indexOf('\r\n\r\n') + 2))?.[1];

export const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4);

/** What the harness's `echo` says of a request. */
export interface Echoed {
  method: string;
  url: string;
  headers: Record<string, string>;
  trailers: Record<string, string>;
  body: string;
}

export const echoed = (answer: string): Echoed => JSON.parse(bodyOf(answer)) as Echoed;
