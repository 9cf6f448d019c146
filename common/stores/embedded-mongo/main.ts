import { parseArgs } from 'node:util';
import { ExitCode, messageOf } from '../../errors.js';
import { EmbeddedMongo } from './server.js';

const USAGE = 'usage: main.js --dir DIR [--port PORT] [--socket PATH] [--no-persist]';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      dir: { type: 'string' },
      port: { type: 'string', default: '0' },
      socket: { type: 'string' },
      'no-persist': { type: 'boolean', default: false },
    },
  });
  const port = Number(values.port);
  if (values.dir === undefined || !Number.isInteger(port) || port < 0 || port > 65535) throw new Error(USAGE);
  // Data is nobody else's to read.
  process.umask(0o077);
  const mongo = await EmbeddedMongo.start({
    dir: values.dir,
    port,
    socketPath: values.socket,
    persist: !values['no-persist'],
  });
  process.stderr.write(
    'dharma embedded Mongo: a stand-in for one machine without mongod; `federate doctor` says what to install\n',
  );
  process.stdout.write(
    `${JSON.stringify({ event: 'listening', port: mongo.port, socket: values.socket ?? null, pid: process.pid })}\n`,
  );
  const stop = (): void => {
    mongo.close().then(
      () => process.exit(ExitCode.ok),
      (error: unknown) => fail(error),
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

function fail(error: unknown): never {
  process.stderr.write(`dharma embedded Mongo: ${messageOf(error)}\n`);
  process.exit(ExitCode.failed);
}

main().catch(fail);
