import { readFile } from 'node:fs/promises';
import { DharmaError, messageOf, systemCode } from '../errors.js';

/** The JSON in a file; undefined when there is no such file. Error: CONFIG_NOT_JSON. */
export async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new DharmaError({
      code: 'CONFIG_NOT_JSON',
      message: `${file} is not JSON: ${messageOf(error)}`,
      remedy: `Correct the syntax of ${file}.`,
      cause: error,
    });
  }
}
