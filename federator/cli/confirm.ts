import { createInterface } from 'node:readline/promises';
import { DharmaError, ExitCode } from '../../common/index.js';
import type { Printer } from './printer.js';

/** Asks the operator. Never takes silence for a yes. */
export interface Confirm {
  /**
   * Resolves when the answer is yes (`yes`: it was given on the command line).
   * Errors: INPUT_NEEDED without a terminal; DECLINED.
   */
  ask(question: string, yes: boolean): Promise<void>;
}

/** Asks at the terminal of `input`, with the question on stderr. */
export function terminalConfirm(
  input: NodeJS.ReadStream,
  output: NodeJS.WriteStream,
  printer: Printer,
  signal: AbortSignal,
): Confirm {
  return {
    ask: async (question, yes) => {
      if (yes) return;
      if (!input.isTTY || !output.isTTY) throw inputNeeded(question);
      printer.stop();
      const lines = createInterface({ input, output });
      try {
        const answer = await lines.question(`${question} [y/N] `, { signal });
        if (!/^y(es)?$/i.test(answer.trim())) throw declined();
      } finally {
        lines.close();
      }
    },
  };
}

function inputNeeded(question: string): DharmaError {
  return new DharmaError({
    code: 'INPUT_NEEDED',
    message: `an answer is needed and there is no terminal to ask at: ${question}`,
    remedy: 'Give the answer with --yes.',
    exitCode: ExitCode.inputNeeded,
  });
}

function declined(): DharmaError {
  return new DharmaError({
    code: 'DECLINED',
    message: 'nothing was done',
    remedy: 'Repeat the command when you are sure.',
  });
}
