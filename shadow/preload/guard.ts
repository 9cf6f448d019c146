/**
 * Preload for the arms of a Node app: whatever the app tries to reach besides its mirror stores and the guard is
 * refused as if there were no network, and written down.
 *
 * DHARMA_GUARD_MODE=jail: the kernel already lets nothing out; this only tells what was tried, and lets loopback (which
 * is the jail's own) and child processes be. DHARMA_GUARD_MODE=deny: no jail can be had, so this is what keeps the app
 * in: nothing but DHARMA_GUARD_ALLOW (`host:port` with commas between), no UDP, no names, no child processes. A native
 * addon could still get out then, which is why the operator is told how the guard is enforced.
 *
 * Runs inside other people's apps: no imports but Node's own.
 */
import type { AsyncLocalStorage } from 'node:async_hooks';
import childProcess from 'node:child_process';
import dgram from 'node:dgram';
import dns from 'node:dns';
import { appendFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { hostname } from 'node:os';

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;
type Functions = Record<string, AnyFunction>;

const deny = process.env.DHARMA_GUARD_MODE === 'deny';
const log = process.env.DHARMA_GUARD_LOG;
const allowed = new Set((process.env.DHARMA_GUARD_ALLOW ?? '').split(',').filter((a) => a !== ''));
if (process.env.PORT !== undefined) allowed.add(`127.0.0.1:${process.env.PORT}`);

/** The real one: apps replace `fs` functions too. */
const append = appendFileSync;

function refused(kind: string, to: string): void {
  if (log === undefined) return;
  const context = (globalThis as Record<symbol, unknown>)[Symbol.for('dharma.exchange-context')];
  const exchange = (context as AsyncLocalStorage<{ id: string }> | undefined)?.getStore()?.id;
  try {
    append(log, `${JSON.stringify({ at: Date.now(), exchange, kind, to: to.slice(0, 300) })}\n`, {
      mode: 0o600,
    });
  } catch {
    // A full disk or a closed folder must not break the app; the attempt was refused all the same.
  }
}

function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|::1|0\.0\.0\.0|::|::ffff:127\.\d+\.\d+\.\d+|)$/i.test(host);
}

function mayReach(host: string, port: string): boolean {
  if (!isLoopback(host)) return allowed.has(`${host}:${port}`);
  return !deny || allowed.has(`127.0.0.1:${port}`);
}

function systemError(syscall: string, code: string, fields: Record<string, unknown>): Error {
  const where = Object.values(fields).join(':');
  return Object.assign(new Error(`${syscall} ${code} ${where}`), { code, syscall, ...fields });
}

/** Where `socket.connect(...)` would go: its arguments come as options, as port and host, as a path, or normalised. */
function addressOf(args: readonly unknown[]): { host: string; port: string } | { path: string } {
  const first = Array.isArray(args[0]) ? (args[0] as unknown[])[0] : args[0];
  const text = (value: unknown): string =>
    typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  if (typeof first === 'object' && first !== null) {
    const { path, host, port } = first as { path?: unknown; host?: unknown; port?: unknown };
    return typeof path === 'string' && path !== '' ? { path } : { host: text(host), port: text(port) };
  }
  if (typeof first === 'string' && !/^\d+$/.test(first)) return { path: first };
  return { host: typeof args[1] === 'string' ? args[1] : '', port: text(first) };
}

function guardConnections(): void {
  const prototype = net.Socket.prototype as unknown as Functions;
  const connect = prototype.connect!;
  prototype.connect = function (this: unknown, ...args) {
    const address = addressOf(args);
    const [to, may] =
      'path' in address
        ? [`unix:${address.path}`, !deny]
        : [`${address.host}:${address.port}`, mayReach(address.host, address.port)];
    if (may) return connect.apply(this, args);
    refused('connect', to);
    const error =
      'path' in address
        ? systemError('connect', 'EACCES', { address: address.path })
        : systemError('connect', 'ENETUNREACH', { address: address.host, port: Number(address.port) });
    const socket = this as net.Socket;
    process.nextTick(() => socket.destroy(error));
    return socket;
  };
}

function guardDatagrams(): void {
  const prototype = dgram.Socket.prototype as unknown as Functions;
  for (const name of ['send', 'connect']) {
    const original = prototype[name]!;
    prototype[name] = function (this: unknown, ...args) {
      const callback = args.find((arg) => typeof arg === 'function') as ((error: Error) => void) | undefined;
      const host =
        args.slice(1).find((arg) => typeof arg === 'string') ?? (name === 'connect' ? '' : undefined);
      const numbers = args.slice(name === 'send' ? 1 : 0).filter((arg) => typeof arg === 'number');
      const port = String(numbers.at(-1) ?? '');
      // A connected socket's send names nobody: its connect was judged.
      if ((host === undefined && numbers.length === 0) || mayReach(host ?? '', port))
        return original.apply(this, args);
      refused('udp', `${host ?? ''}:${port}`);
      const error = systemError(name, 'ENETUNREACH', { address: host ?? '', port: Number(port) });
      if (callback !== undefined) process.nextTick(callback, error);
      else if (name === 'connect') process.nextTick(() => (this as dgram.Socket).emit('error', error));
      return undefined;
    };
  }
}

function isLocalName(name: unknown): boolean {
  return typeof name !== 'string' || isLoopback(name) || net.isIP(name) !== 0 || name === hostname();
}

function guardNames(): void {
  const error = (name: unknown): Error => systemError('getaddrinfo', 'ENOTFOUND', { hostname: String(name) });
  const withCallback = (target: Functions, key: string): void => {
    const original = target[key];
    if (typeof original !== 'function') return;
    target[key] = function (this: unknown, ...args) {
      if (isLocalName(args[0])) return original.apply(this, args);
      refused('dns', String(args[0]));
      const callback = args.at(-1);
      if (typeof callback === 'function') process.nextTick(callback, error(args[0]));
      return undefined;
    };
  };
  const withPromise = (target: Functions, key: string): void => {
    const original = target[key];
    if (typeof original !== 'function') return;
    target[key] = function (this: unknown, ...args) {
      if (isLocalName(args[0])) return original.apply(this, args);
      refused('dns', String(args[0]));
      return Promise.reject(error(args[0]));
    };
  };
  const queries = [
    '',
    '4',
    '6',
    'Any',
    'Caa',
    'Cname',
    'Mx',
    'Naptr',
    'Ns',
    'Ptr',
    'Soa',
    'Srv',
    'Txt',
    'Tlsa',
  ];
  const resolvers = queries.map((kind) => `resolve${kind}`);
  for (const key of ['lookup', ...resolvers]) {
    withCallback(dns as unknown as Functions, key);
    withPromise(dns.promises as unknown as Functions, key);
  }
  for (const key of resolvers) {
    withCallback(dns.Resolver.prototype as unknown as Functions, key);
    withPromise(dns.promises.Resolver.prototype as unknown as Functions, key);
  }
}

/** No child process could be held by this preload: it need not be Node. */
function guardProcesses(): void {
  const module = childProcess as unknown as Functions;
  for (const key of ['spawn', 'exec', 'execFile', 'fork', 'spawnSync', 'execSync', 'execFileSync'])
    module[key] = (command) => {
      refused('process', String(command));
      throw systemError(key, 'EACCES', { path: String(command) });
    };
  const prototype = childProcess.ChildProcess.prototype as unknown as Functions;
  prototype.spawn = () => {
    refused('process', 'ChildProcess.spawn');
    throw systemError('spawn', 'EACCES', {});
  };
  // Node's own inner doors, which a library may still know.
  const inner = process as unknown as Functions;
  const binding = inner.binding!;
  inner.binding = function (this: unknown, name, ...rest) {
    if (!/^(tcp|udp|pipe|cares|process|spawn)_/.test(String(name))) return binding.call(this, name, ...rest);
    refused('binding', String(name));
    throw systemError('binding', 'EACCES', { name });
  };
}

const INSTALLED = Symbol.for('dharma.guard');
if (!(INSTALLED in globalThis)) {
  Object.defineProperty(globalThis, INSTALLED, { value: true });
  guardConnections();
  guardDatagrams();
  guardNames();
  if (deny) guardProcesses();
  syncBuiltinESMExports();
}
