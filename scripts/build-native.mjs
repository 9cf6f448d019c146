/** `npm run build:native`: builds dharma-proxy and dharma-run. */
import { ensureNative } from './native.mjs';
import { run } from './root.mjs';

run(async () => console.log(ensureNative()));
