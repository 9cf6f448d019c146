import { arch, cpus, hostname, totalmem } from 'node:os';
import { ObjectId, Long, isDoc, type Doc } from '../bson/types.js';
import { MAX_DOCUMENT_BYTES } from '../bson/codec.js';
import { fault } from '../errors.js';
import { SESSION_MINUTES, idKey } from '../sessions.js';
import { MAX_MESSAGE_BYTES } from '../wire/message.js';
import { MAX_WRITE_BATCH, arrayArg } from './args.js';
import { command, type Command, type CommandRequest } from './command.js';

/** The mongod whose commands and wire version this server follows. */
export const SERVER_VERSION = '8.0.0';
const MAX_WIRE_VERSION = 25;

function hello({ connectionId, now, name, body }: CommandRequest): Doc {
  return {
    ...(body.helloOk === true ? { helloOk: true } : {}),
    ...(name === 'hello' ? { isWritablePrimary: true } : { ismaster: true }),
    maxBsonObjectSize: MAX_DOCUMENT_BYTES,
    maxMessageSizeBytes: MAX_MESSAGE_BYTES,
    maxWriteBatchSize: MAX_WRITE_BATCH,
    localTime: now,
    logicalSessionTimeoutMinutes: SESSION_MINUTES,
    connectionId,
    minWireVersion: 0,
    maxWireVersion: MAX_WIRE_VERSION,
    readOnly: false,
    ok: 1,
  };
}

function buildInfo(): Doc {
  return {
    version: SERVER_VERSION,
    gitVersion: 'dharma-embedded',
    versionArray: [...SERVER_VERSION.split('.').map(Number), 0],
    // Tells this stand-in from a mongod.
    dharma: { embedded: true },
    modules: [],
    storageEngines: ['lmdb'],
    bits: 64,
    debug: false,
    maxBsonObjectSize: MAX_DOCUMENT_BYTES,
    ok: 1,
  };
}

function serverStatus({ engine, now }: CommandRequest): Doc {
  const uptimeMs = now.getTime() - engine.startedAt.getTime();
  const { rss } = process.memoryUsage();
  return {
    host: hostname(),
    version: SERVER_VERSION,
    process: 'dharma-embedded-mongo',
    pid: Long.fromNumber(process.pid),
    uptime: Math.floor(uptimeMs / 1000),
    uptimeMillis: Long.fromNumber(uptimeMs),
    localTime: now,
    connections: { current: engine.connections, available: 100_000, totalCreated: engine.connections },
    opcounters: { ...engine.counters },
    mem: { bits: 64, resident: Math.round(rss / 2 ** 20), supported: true },
    metrics: { cursor: { open: { total: Long.fromNumber(engine.cursors.size) } } },
    storageEngine: { name: 'lmdb', persistent: true, supportsCommittedReads: true },
    ok: 1,
  };
}

/** How often each collection was written, as far as `top` is asked for it here: nobody measures times. */
function top({ engine }: CommandRequest): Doc {
  const totals: Doc = {};
  for (const { namespace, writes } of engine.catalog.all())
    totals[namespace] = { writeLock: { time: Long.ZERO, count: Long.fromNumber(writes) } };
  return { totals, ok: 1 };
}

function hostInfo({ now }: CommandRequest): Doc {
  return {
    system: {
      currentTime: now,
      hostname: hostname(),
      cpuAddrSize: 64,
      memSizeMB: Long.fromNumber(Math.floor(totalmem() / 2 ** 20)),
      numCores: cpus().length,
      cpuArch: arch(),
      numaEnabled: false,
    },
    os: { type: 'Linux', name: process.platform, version: process.version },
    extra: {},
    ok: 1,
  };
}

const PARAMETERS: Doc = {
  featureCompatibilityVersion: { version: '8.0' },
  ttlMonitorEnabled: true,
  quiet: false,
};

function getParameter({ body }: CommandRequest): Doc {
  const all =
    body.getParameter === '*' || (isDoc(body.getParameter) && body.getParameter.allParameters === true);
  const names = Object.keys(PARAMETERS).filter((name) => all || body[name] !== undefined);
  if (names.length === 0) return fault(72, 'no option found to get');
  return { ...Object.fromEntries(names.map((name) => [name, PARAMETERS[name]])), ok: 1 };
}

function endSessions({ engine, body, name }: CommandRequest): Doc {
  for (const lsid of arrayArg(body, name)) {
    if (!isDoc(lsid)) return fault(14, `BSON field '${name}' must hold session ids`);
    const id = idKey(lsid);
    engine.cursors.killSession(id);
    engine.sessions.end(id);
  }
  return { ok: 1 };
}

function noAuthentication(): never {
  return fault(18, 'Authentication failed: the embedded server has no users. Connect without credentials.');
}

const ok = command(undefined, () => ({ ok: 1 }));
const HELLO = command(undefined, hello);
const BUILD_INFO = command(undefined, buildInfo);
const NO_TRANSACTIONS = command(undefined, () =>
  fault(20, 'Transaction numbers are only allowed on a replica set member or mongos'),
);

/** Commands about the server and its connections, not about data. */
export const SERVER_COMMANDS: Readonly<Record<string, Command>> = {
  hello: HELLO,
  isMaster: HELLO,
  ismaster: HELLO,
  ping: ok,
  buildInfo: BUILD_INFO,
  buildinfo: BUILD_INFO,
  serverStatus: command(undefined, serverStatus),
  hostInfo: command(undefined, hostInfo),
  getParameter: command(undefined, getParameter),
  getCmdLineOpts: command(undefined, () => ({ argv: ['dharma-embedded-mongo'], parsed: {}, ok: 1 })),
  getLog: command(undefined, () => ({ totalLinesWritten: 0, log: [], ok: 1 })),
  whatsmyuri: command(undefined, () => ({ you: '127.0.0.1:0', ok: 1 })),
  connectionStatus: command(undefined, () => ({
    authInfo: { authenticatedUsers: [], authenticatedUserRoles: [], authenticatedUserPrivileges: [] },
    ok: 1,
  })),
  startSession: command(undefined, () => ({
    id: { id: new ObjectId() },
    timeoutMinutes: SESSION_MINUTES,
    ok: 1,
  })),
  endSessions: command(undefined, endSessions),
  killSessions: command(undefined, endSessions),
  refreshSessions: ok,
  killAllSessions: ok,
  killAllSessionsByPattern: ok,
  logout: ok,
  fsync: ok,
  currentOp: command(undefined, () => ({ inprog: [], ok: 1 })),
  killOp: command(undefined, () => ({ info: 'attempting to kill op', ok: 1 })),
  top: command(undefined, top),
  commitTransaction: NO_TRANSACTIONS,
  abortTransaction: NO_TRANSACTIONS,
  saslStart: command(undefined, noAuthentication),
  authenticate: command(undefined, noAuthentication),
};
