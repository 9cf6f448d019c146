import type { AppManifest } from '../config/manifest.js';

/** A release: an app's files and its installed dependencies, immutable, named by the hash of what went into it. */
export interface Release {
  /** `r` + 16 hex digits of SHA-256 over files, lock and change-set. */
  readonly id: string;
  readonly app: string;
  /** The folder on this machine that holds the installed release. Read-only for whoever runs it. */
  readonly dir: string;
  readonly manifest: AppManifest;
  /** Installed packages, path in node_modules → version (transitive ones too). */
  readonly packages: Readonly<Record<string, string>>;
  /** What made it out of its base; absent for a release made from a folder. */
  readonly base?: { readonly id: string; readonly change: ChangeSet };
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** What an update changes. The same change-set goes through the shadow and through promotion. */
export interface ChangeSet {
  /** npm specs, such as `express@5.1.0`. */
  readonly packages?: readonly string[];
  /** Files laid over the release, path in the app → source path on this machine; null removes it. */
  readonly files?: Readonly<Record<string, string | null>>;
  /** Env of the app; null unsets. */
  readonly env?: Readonly<Record<string, string | null>>;
}

/** Makes releases. Implemented by cluster-agent; used by the federator and handed to the shadow. */
export interface ReleaseStore {
  /** From a folder with package.json (and dharma.json, or defaults derived without one). Same content, same id. */
  create(appDir: string, options: { readonly signal: AbortSignal }): Promise<Release>;
  /** A base release with a change-set applied and installed. Errors: PACKAGE_NOT_FOUND, INSTALL_FAILED. */
  update(base: Release, change: ChangeSet, options: { readonly signal: AbortSignal }): Promise<Release>;
  /** The release of that id if it stands installed on this machine. */
  get(id: string): Promise<Release | undefined>;
  list(): Promise<readonly Release[]>;
  remove(id: string): Promise<void>;
}
