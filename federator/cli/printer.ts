import Table from 'cli-table3';
import type { Ora, Options as SpinnerOptions } from 'ora';
import pc from 'picocolors';

export interface Streams {
  readonly out: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly err: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
}

type Colors = ReturnType<typeof pc.createColors>;

/** What makes a spinner: `ora`. */
export type Spin = (options: SpinnerOptions) => Ora;

/**
 * For a terminal alone: loading it takes a fifth of the time to start. A terminal that tells no width (0, as of a pty
 * nobody sized) gets none either: `ora` divides by it, and clears lines without end.
 */
export async function spinnerFor({ err }: Streams): Promise<Spin | undefined> {
  return err.isTTY === true && err.columns !== 0 ? (await import('ora')).default : undefined;
}

/** The one way to the terminal: data to stdout, everything else to stderr. */
export class Printer {
  readonly #streams: Streams;
  /** Colours for stdout; plain where it is no terminal or NO_COLOR is set. */
  readonly colors: Colors;
  readonly #errColors: Colors;
  readonly #spin: Spin | undefined;
  #spinner: Ora | undefined;
  #doing = '';

  /** `spin`: see `spinnerFor`; without it there are lines instead of spinners. */
  constructor(streams: Streams, env: NodeJS.ProcessEnv = process.env, spin?: Spin) {
    this.#streams = streams;
    this.#spin = spin;
    const wanted = env.NO_COLOR === undefined || env.NO_COLOR === '';
    this.colors = pc.createColors(wanted && streams.out.isTTY === true);
    this.#errColors = pc.createColors(wanted && streams.err.isTTY === true);
  }

  /** Columns of stdout; what reads well where it is no terminal. */
  get width(): number {
    return this.#streams.out.columns ?? 100;
  }

  /** A line of data. */
  line(text = ''): void {
    this.#streams.out.write(`${text}\n`);
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value, null, 2));
  }

  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const plain = Object.fromEntries(
      ['top', 'bottom', 'left', 'right'].flatMap((side) => [
        [side, ''],
        [`${side}-mid`, ''],
        [`${side}-left`, ''],
        [`${side}-right`, ''],
      ]),
    );
    const table = new Table({
      head: head.map((text) => this.colors.dim(text)),
      chars: { ...plain, mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '', middle: '  ' },
      style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
    });
    for (const row of rows) table.push([...row]);
    for (const line of table.toString().split('\n')) this.line(line.trimEnd());
  }

  /** A line for people, on stderr. */
  note(text: string): void {
    this.#pause(() => this.#streams.err.write(`${text}\n`));
  }

  /** An error: what went wrong, what was found, what to do. */
  problem(message: string, found: string | undefined, remedy: string): void {
    const c = this.#errColors;
    this.stop();
    this.note(`${c.red('error:')} ${message}`);
    if (found !== undefined) this.note(`${c.dim('found:')} ${found}`);
    this.note(`${c.dim('do:')}    ${remedy}`);
  }

  /** Says what is being done: a spinner on a terminal, a line (once) elsewhere. */
  doing(text: string): void {
    if (text === this.#doing) return;
    this.#doing = text;
    if (this.#spin === undefined) {
      this.#streams.err.write(`${text}\n`);
      return;
    }
    this.#spinner ??= this.#spin({ text, stream: this.#streams.err, discardStdin: false }).start();
    this.#spinner.text = text;
  }

  /** What was being done is done; `text` stays to be read. */
  done(text: string): void {
    if (this.#spinner === undefined) this.note(text);
    else this.#spinner.succeed(text);
    this.#spinner = undefined;
    this.#doing = '';
  }

  /** Takes the spinner away. */
  stop(): void {
    this.#spinner?.stop();
    this.#spinner = undefined;
    this.#doing = '';
  }

  #pause(write: () => void): void {
    this.#spinner?.clear();
    write();
    this.#spinner?.render();
  }
}
