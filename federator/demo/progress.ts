import ora, { type Ora } from 'ora';
import pc from 'picocolors';

/** Shows what the demo does: a spinner a step on a terminal, plain lines elsewhere. */
export class Progress {
  readonly #tty: boolean;
  readonly #startedAt = performance.now();
  #spinner: Ora | undefined;
  #lastPlain = '';

  constructor(private readonly out: NodeJS.WriteStream) {
    this.#tty = out.isTTY;
  }

  /** A line of its own, such as a heading. */
  line(text = ''): void {
    this.#spinner?.clear();
    this.out.write(`${text}\n`);
    this.#spinner?.render();
  }

  heading(text: string): void {
    this.line(`\n${pc.bold(text)}`);
  }

  /** Runs `work` as one step; `update` says how far it is. The value of `work` names what came of it. */
  async step(
    title: string,
    work: (update: (detail: string) => void) => Promise<string | undefined>,
  ): Promise<void> {
    if (this.#tty) this.#spinner = ora({ text: title, stream: this.out, discardStdin: false }).start();
    else this.line(`${this.#clock()} … ${title}`);
    try {
      const result = await work((detail) => this.#update(title, detail));
      this.#end('✔', pc.green, title, result);
    } catch (error) {
      this.#end('✖', pc.red, title, undefined);
      throw error;
    }
  }

  /** One finding about the outcome. */
  check(ok: boolean, text: string): void {
    this.line(`  ${ok ? pc.green('✔') : pc.red('✖')} ${text}`);
  }

  #update(title: string, detail: string): void {
    if (this.#spinner) this.#spinner.text = `${title} ${pc.dim(detail)}`;
    else if (detail !== this.#lastPlain) this.line(`${this.#clock()}     ${detail}`);
    this.#lastPlain = detail;
  }

  #end(mark: string, colour: (text: string) => string, title: string, result: string | undefined): void {
    const text = result === undefined ? title : `${title} ${pc.dim(`· ${result}`)}`;
    if (this.#spinner) {
      this.#spinner.stopAndPersist({ symbol: colour(mark), text });
      this.#spinner = undefined;
    } else this.line(`${this.#clock()} ${colour(mark)} ${text}`);
  }

  #clock(): string {
    return `[${((performance.now() - this.#startedAt) / 1000).toFixed(1).padStart(5)}s]`;
  }
}

/** `▇▇▇▇▁▁▁▁ 52/100`, for a share of something. */
export function bar(done: number, all: number, width = 20): string {
  const filled = all === 0 ? 0 : Math.min(width, Math.round((done / all) * width));
  return `${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${done}/${all}`;
}
