import { messageOf, type Logger, type Release } from '../../common/index.js';
import { NodeCaller } from '../routetest/caller.js';
import { measureRoutes, type Measurement } from '../routetest/measure.js';
import { runRouteTests } from '../routetest/run.js';

export interface ReleaseTestsOptions {
  /** Whether the cluster's config has releases measured. */
  readonly measures: () => boolean;
  /** Writes down what was measured. */
  readonly save: () => Promise<void>;
  readonly log: Logger;
}

/** What a node must pass before it gets traffic, and what the first node of a release is measured to take. */
export class ReleaseTests {
  readonly #options: ReleaseTestsOptions;
  readonly #measurements = new Map<string, readonly Measurement[]>();
  readonly #measuring = new Set<string>();

  constructor(options: ReleaseTestsOptions) {
    this.#options = options;
  }

  /** Takes up what was measured in an earlier life. */
  recall(measurements: Readonly<Record<string, readonly Measurement[]>>): void {
    for (const [release, measured] of Object.entries(measurements)) this.#measurements.set(release, measured);
  }

  measured(release: string): readonly Measurement[] {
    return this.#measurements.get(release) ?? [];
  }

  /** What is known of those releases, to be written down. */
  of(releases: ReadonlySet<string>): Record<string, readonly Measurement[]> {
    return Object.fromEntries([...this.#measurements].filter(([id]) => releases.has(id)));
  }

  /** Rejects when a route test fails. `passed` is told before the node is measured. */
  async test(
    release: Release,
    target: { readonly host: string; readonly port: number },
    passed: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { routes, readyTimeout } = release.manifest;
    const caller = new NodeCaller(target, readyTimeout);
    try {
      await runRouteTests(caller, routes, signal);
      passed();
      if (this.#options.measures()) await this.#measureOnce(release, caller, signal);
    } finally {
      await caller.close();
    }
  }

  async #measureOnce(release: Release, caller: NodeCaller, signal: AbortSignal): Promise<void> {
    if (this.#measurements.has(release.id) || this.#measuring.has(release.id)) return;
    this.#measuring.add(release.id);
    try {
      const measured = await measureRoutes(caller, release.manifest.routes, signal);
      this.#measurements.set(release.id, measured);
      this.#options.log.info({ release: release.id, measured }, 'measured');
      // Without it a restarted agent measures once more: no reason to keep a good node from traffic.
      await this.#options
        .save()
        .catch((error: unknown) =>
          this.#options.log.warn({ error: messageOf(error) }, 'the measurements were not written down'),
        );
    } finally {
      this.#measuring.delete(release.id);
    }
  }
}
