import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DharmaError, messageOf } from './errors.js';
import { packageRoot } from './paths.js';

interface NativeScript {
  ensureNative(options: { readonly log: (line: string) => void; readonly install: boolean }): string;
}

/**
 * Builds the native programs where they do not stand or their sources have changed (an installed package builds them at
 * its first use); resolves with the folder that holds them. It blocks while the compiler runs. Error: NATIVE_BUILD_FAILED.
 */
export async function ensureNative(log: (line: string) => void): Promise<string> {
  const file = pathToFileURL(join(packageRoot, 'scripts', 'native.mjs')).href;
  const script = (await import(file)) as NativeScript;
  try {
    return script.ensureNative({ log, install: false });
  } catch (error) {
    throw new DharmaError({
      code: 'NATIVE_BUILD_FAILED',
      message: messageOf(error),
      remedy:
        'Do what the message says, then try again; `npm run build:native` shows all that the compiler says.',
      cause: error,
    });
  }
}
