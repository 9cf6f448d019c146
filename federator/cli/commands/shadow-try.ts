import { DharmaError } from '../../../common/index.js';
import type { Command } from '../command.js';

export const shadowTry: Command = {
  name: 'shadow try',
  summary: 'rehearse an upgrade without a standing federation (not built yet)',
  examples: ['federate shadow try --app ./shop --to package.new.json --requests requests.jsonl'],
  options: [
    { flags: '--app <dir>', about: "the app's folder" },
    { flags: '--to <file>', about: 'the new package.json' },
    { flags: '--requests <file>', about: 'requests, one JSON a line' },
  ],
  run: async () => {
    throw new DharmaError({
      code: 'NOT_BUILT_YET',
      message: 'federate shadow try is not built yet',
      remedy: 'Rehearse on a running federation with: federate shadow start --update PACKAGE@VERSION',
    });
  },
};
