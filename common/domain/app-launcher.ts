import type { Release } from './release.js';

/** What one node may take of its machine. */
export interface NodeLimits {
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
}

/** How one copy of an app is started. */
export interface LaunchSpec {
  readonly release: Release;
  /** Names the copy in logs and process titles: `blue-1`, `new-a`. */
  readonly name: string;
  /** Env on top of the release's own and a minimal base (PATH, HOME, TZ, LANG, NODE_ENV). PORT and HOST are set by the launcher. */
  readonly env: Readonly<Record<string, string>>;
  /** Where the app listens. Default: 127.0.0.1 and a free port. */
  readonly host?: string;
  /** The working copy the process runs in: its own writable folders (manifest.writable) live under it. */
  readonly workDir: string;
  /** File for stdout and stderr, appended. */
  readonly logFile: string;
  /** Preload modules (absolute paths, `node --import`), through NODE_OPTIONS. */
  readonly preloads?: readonly string[];
  /** Run inside a jail that reaches nothing but what is bridged. */
  readonly jail?: JailSpec;
  /** What it may take of this machine. Default: whatever there is. */
  readonly limits?: NodeLimits;
  /** How long it may take until it listens, ms. */
  readonly readyTimeoutMs?: number;
}

/** A network namespace with loopback only; pathname unix sockets of the host appear as loopback ports inside. */
export interface JailSpec {
  /** Port inside → unix socket outside. */
  readonly bridges: readonly { readonly port: number; readonly socket: string }[];
  /** Unix socket outside through which the app's own port is reached. */
  readonly inwardSocket: string;
  /** Folders that stay writable inside (besides a private /tmp). */
  readonly writable: readonly string[];
}

/** One running copy of an app. The owner must `stop()` it. */
export interface RunningApp {
  readonly name: string;
  readonly pid: number;
  /** Where requests go: TCP, or the jail's inward socket. */
  readonly target: { readonly host: string; readonly port: number } | { readonly socket: string };
  /** Resolves when the process has ended, by whatever cause. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** SIGTERM, then SIGKILL to the process group after the deadline. Idempotent. */
  stop(deadlineMs?: number): Promise<void>;
}

/** Starts copies of releases. Implemented by cluster-agent; the shadow's arms are started through it too. */
export interface AppLauncher {
  /** Resolves when the app listens. Errors: APP_EXITED (with the log's tail), APP_NOT_LISTENING. */
  launch(spec: LaunchSpec, signal: AbortSignal): Promise<RunningApp>;
}
