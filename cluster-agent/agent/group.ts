import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  distPath,
  limitsOf,
  nodeClassesOf,
  startRecorder,
  type ClusterConfig,
  type ClusterSpec,
  type LaunchSpec,
  type Logger,
  type NodeLimits,
  type OutboundCall,
  type OutboundRecorder,
  type Release,
} from '../../common/index.js';
import type { GroupKey } from './plan.js';

/** Carries the exchange's id from a request to the calls that the app makes for it. */
const CONTEXT_PRELOAD = distPath('common/preload/context.js');
/** Tells how long the app takes itself. */
const OWN_TIME_PRELOAD = distPath('common/preload/own-time.js');

/** Everything that nodes of `release` get by `spec`, by its hash. */
export function groupKey(spec: ClusterSpec, release: Release): GroupKey {
  const { manifest } = release;
  const content = [
    release.id,
    manifest.env,
    manifest.outbound,
    spec.config.env,
    spec.config.nodeSize,
    limitsOf(spec.config),
    spec.stores,
    spec.writableDir,
  ];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 16);
}

/** Nodes of a group that are of another size than the rest. */
export interface OtherSize {
  /** Its name with what nodes of it have: where that changes they are other nodes. */
  readonly size: string;
  /** The provider's name for it. */
  readonly name: string;
  readonly count: number;
}

/** A release whose nodes are to be there, and the spec that they are started by. */
export interface WantedGroup {
  readonly key: GroupKey;
  readonly release: Release;
  readonly spec: ClusterSpec;
  /** So many of its nodes are of other sizes: classes that have one of their own. */
  readonly sized: readonly OtherSize[];
}

/** The groups that `spec` asks for, the active one first. Pure. */
export function wantedGroups(spec: ClusterSpec): readonly [WantedGroup, ...WantedGroup[]] {
  const group = (release: Release, own: ClusterSpec): WantedGroup => ({
    key: groupKey(own, release),
    release,
    spec: own,
    sized: sizedOf(own.config),
  });
  const warm = spec.warm.map((release) => {
    const config = spec.warmConfigs?.[release.id];
    return group(release, config === undefined ? spec : { ...spec, config });
  });
  return [group(spec.active, spec), ...warm];
}

function sizedOf(config: ClusterConfig): OtherSize[] {
  const counts = new Map<string, number>();
  for (const { size, count } of nodeClassesOf(config))
    if (size !== undefined) counts.set(size, (counts.get(size) ?? 0) + count);
  return [...counts].map(([name, count]) => {
    const limits = limitsOf({ ...config, nodeSize: name });
    return { size: limits === undefined ? name : `${name} ${JSON.stringify(limits)}`, name, count };
  });
}

/** Nodes that are alike: one release under one env, with a recorder of their own in the path of what they call out to. */
export class Group {
  readonly key: GroupKey;
  readonly release: Release;
  readonly #env: Readonly<Record<string, string>>;
  readonly #recorder: OutboundRecorder;
  readonly #reading: Promise<void>;

  private constructor(
    spec: ClusterSpec,
    release: Release,
    recorder: OutboundRecorder,
    onCall: (c: OutboundCall) => void,
  ) {
    this.key = groupKey(spec, release);
    this.release = release;
    this.#recorder = recorder;
    this.#env = nodeEnv(spec, release, recorder);
    this.#reading = read(recorder, onCall);
  }

  /** `onCall` hears of every recorded call of the group's nodes. The owner must `close()` it, after its nodes. */
  static async open(
    spec: ClusterSpec,
    release: Release,
    onCall: (call: OutboundCall) => void,
    log: Logger,
  ): Promise<Group> {
    const destinations = recorded(spec, release);
    const recorder = await startRecorder({ destinations, log, recording: spec.recordOutbound });
    return new Group(spec, release, recorder, onCall);
  }

  /** How a node of this group is started at `host`. `ownTimes`: socket at which it tells how long it takes itself. */
  launchSpec(
    node: { name: string; host: string; workDir: string; logFile: string },
    limits: NodeLimits | undefined,
    ownTimes: string | undefined,
  ): LaunchSpec & { host: string } {
    const wanted = ownTimes === undefined ? [CONTEXT_PRELOAD] : [CONTEXT_PRELOAD, OWN_TIME_PRELOAD];
    const told = ownTimes === undefined ? {} : { DHARMA_OWN_TIMES: ownTimes, DHARMA_NODE: node.name };
    return {
      ...{ ...node, release: this.release, env: { ...this.#env, ...told } },
      preloads: wanted.filter((preload) => existsSync(preload)),
      ...(limits === undefined ? {} : { limits }),
    };
  }

  record(on: boolean): void {
    this.#recorder.record(on);
  }

  async close(): Promise<void> {
    await this.#recorder.close();
    await this.#reading;
  }
}

/** Where the app calls out to: the manifest's addresses, or the cluster's own for the same names. */
function outboundUrls(spec: ClusterSpec, release: Release): [name: string, url: string][] {
  return Object.entries(release.manifest.outbound).map(([name, url]) => [name, spec.config.env[name] ?? url]);
}

/** What speaks HTTP goes through the recorder; other protocols keep their own address. */
function recorded(spec: ClusterSpec, release: Release): Record<string, string> {
  return Object.fromEntries(outboundUrls(spec, release).filter(([, url]) => /^https?:/i.test(url)));
}

function nodeEnv(spec: ClusterSpec, release: Release, recorder: OutboundRecorder): Record<string, string> {
  const { stores, writable } = release.manifest;
  const folders = Object.entries(writable).map(
    ([name, folder]) => [name, join(spec.writableDir, folder)] as const,
  );
  return {
    DHARMA_APP: release.manifest.name,
    DHARMA_CLUSTER: spec.name,
    ...(release.manifest.worker === undefined ? {} : { DHARMA_ROLE: 'router' }),
    ...spec.config.env,
    ...Object.fromEntries(outboundUrls(spec, release)),
    ...recorder.env,
    ...Object.fromEntries(folders),
    [stores.mongo]: spec.stores.mongo,
    [stores.redis]: spec.stores.redis,
    DHARMA_OUTBOUND: recorder.addresses.join(','),
  };
}

async function read(recorder: OutboundRecorder, onCall: (call: OutboundCall) => void): Promise<void> {
  for await (const call of recorder.source) onCall(call);
}
