import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DharmaError,
  limitsOf,
  type AppLauncher,
  type Backoff,
  type Clock,
  type ClusterSpec,
  type DharmaErrorJson,
  type Logger,
  type NodeStatus,
  type OutboundCall,
  type ProxyNode,
  type Release,
} from '../../common/index.js';
import { Node } from '../node/node.js';
import type { Host } from '../provider/provider.js';
import type { Hosts } from '../spend/hosts.js';
import { Group, groupKey, type OtherSize } from './group.js';
import type { GroupKey, PlannedNode } from './plan.js';

export interface FleetOptions {
  readonly cluster: string;
  readonly dir: string;
  readonly launcher: AppLauncher;
  readonly hosts: Hosts;
  /** Tests a node of a release before it may have traffic. */
  readonly test: (
    release: Release,
    target: { readonly host: string; readonly port: number },
    passed: () => void,
    signal: AbortSignal,
  ) => Promise<void>;
  /** A new node passed its route tests so long after its host was asked for, ms. */
  readonly onPassed: (ms: number) => void;
  /** A node that was ready ended by itself. */
  readonly onLost: () => void;
  /** Socket at which nodes tell how long they take themselves; undefined: nobody asks. */
  readonly ownTimes?: string;
  readonly clock: Clock;
  readonly onCall: (call: OutboundCall) => void;
  readonly onChange: () => void;
  readonly backoff?: Backoff;
  readonly log: Logger;
}

type Size = Pick<OtherSize, 'size' | 'name'>;

interface Member {
  readonly node: Node;
  readonly host: Host;
  readonly group: GroupKey;
  /** Where it is not that of the group's other nodes. */
  readonly size: Size | undefined;
  retiring: boolean;
  stopping: Promise<void> | undefined;
}

/** A cluster's nodes with their hosts and groups: started, retired and stopped as the agent's plan says. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #members = new Map<string, Member>();
  readonly #groups = new Map<GroupKey, Group>();
  #started = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** For the plan, in the order they were started. */
  get planned(): PlannedNode[] {
    return [...this.#members.values()].map(({ node, group, size, retiring }) => ({
      name: node.name,
      group,
      state: retiring ? 'draining' : node.state,
      ...(size === undefined ? {} : { size: size.size }),
    }));
  }

  /** Names of the sizes of nodes, where they are not those of their group's other nodes. */
  get sizes(): ReadonlyMap<string, string> {
    return new Map(
      [...this.#members].flatMap(([name, { size }]): [string, string][] =>
        size === undefined ? [] : [[name, size.name]],
      ),
    );
  }

  get statuses(): {
    readonly group: GroupKey;
    readonly status: NodeStatus;
    readonly error?: DharmaErrorJson;
  }[] {
    return [...this.#members.values()].map(({ node, group, size }) => ({
      group,
      status: { ...node.status, ...(size === undefined ? {} : { size: size.name }) },
      ...(node.error === undefined ? {} : { error: node.error }),
    }));
  }

  /** Nodes whose process can still finish requests. */
  get running(): string[] {
    return [...this.#members.values()]
      .filter(({ node }) => node.state === 'ready' || node.state === 'draining')
      .map(({ node }) => node.name);
  }

  /** How the proxy reaches a node. */
  address(name: string): Pick<ProxyNode, 'name' | 'address' | 'port'> {
    const { address, port } = this.#members.get(name)!.node.status;
    return { name, address, port };
  }

  release(group: GroupKey): Release | undefined {
    return this.#groups.get(group)?.release;
  }

  /** Whether calls that begin from now on are told to `onCall`; they are passed on either way. */
  record(on: boolean): void {
    for (const group of this.#groups.values()) group.record(on);
  }

  /** Starts one more node of `release`; `size`: not that of its config. Errors: those of `Hosts.take`. */
  async start(spec: ClusterSpec, release: Release, signal: AbortSignal, size?: Size): Promise<void> {
    const { hosts, clock } = this.#options;
    const askedAt = clock.monotonic();
    const config = { ...spec.config, nodeSize: size?.name ?? spec.config.nodeSize };
    const host = await hosts.take(config, signal);
    try {
      await this.#startOn(host, spec, release, askedAt, size);
    } catch (error) {
      await hosts.giveBack(host);
      throw error;
    }
  }

  /**
   * Starts `count` nodes, or fewer where money stops growth and `settleFor` goes on with as many as there are of their group.
   * Errors: those of `start`.
   */
  async grow(
    spec: ClusterSpec,
    release: Release,
    count: number,
    settleFor: (have: number, error: DharmaError) => boolean,
    signal: AbortSignal,
    size?: Size,
  ): Promise<void> {
    for (let i = 0; i < count; i++) {
      try {
        await this.start(spec, release, signal, size);
      } catch (error) {
        const group = groupKey(spec, release);
        const have = this.planned.filter(
          (node) => node.group === group && node.state !== 'draining' && node.state !== 'stopped',
        ).length;
        if (!(error instanceof DharmaError) || !settleFor(have, error)) throw error;
        return;
      }
    }
  }

  async #startOn(
    host: Host,
    spec: ClusterSpec,
    release: Release,
    askedAt: number,
    size: Size | undefined,
  ): Promise<void> {
    const { cluster, dir, launcher, test, onChange, onPassed, onLost, log, backoff } = this.#options;
    this.#started += 1;
    const name = `${cluster}-${this.#started}`;
    const group = this.#groups.get(groupKey(spec, release)) ?? (await this.#open(spec, release));
    // No waiting from here on: a group without a member may be closed at any time.
    const launch = group.launchSpec(
      {
        name,
        host: host.address!,
        workDir: this.#workDir(name),
        logFile: join(dir, 'logs', `${name}.log`),
      },
      limitsOf({ ...spec.config, nodeSize: size?.name ?? spec.config.nodeSize }),
      this.#options.ownTimes,
    );
    const node = new Node({
      launch,
      launcher,
      test: (target, passed, stop) => test(release, target, passed, stop),
      askedAt,
      onPassed,
      onLost,
      onChange,
      log,
      ...(backoff === undefined ? {} : { backoff }),
    });
    this.#members.set(name, { node, host, group: group.key, size, retiring: false, stopping: undefined });
  }

  /** Says that a node is not wanted any more; it goes on with what it has until it is stopped. */
  retire(name: string): void {
    const member = this.#members.get(name);
    if (member === undefined) return;
    member.retiring = true;
    member.node.drain();
  }

  /** Whether the node on that host runs. */
  answers(hostId: string): boolean {
    return [...this.#members.values()].some(
      ({ host, node }) => host.id === hostId && (node.state === 'ready' || node.state === 'draining'),
    );
  }

  /** Hosts that are not there any more: their nodes are not wanted. */
  lose(hostIds: readonly string[]): void {
    for (const [name, { host }] of this.#members) if (hostIds.includes(host.id)) this.retire(name);
  }

  /** Stops the retired nodes that the proxy does not list any more, without waiting for their end. */
  stopRetired(listed: readonly string[], deadlineMs: number): void {
    for (const [name, member] of this.#members)
      if (member.retiring && !listed.includes(name)) member.stopping ??= this.#stop(name, member, deadlineMs);
  }

  /** Stops everything. */
  async close(deadlineMs: number): Promise<void> {
    await Promise.all(
      [...this.#members].map(([name, member]) => (member.stopping ??= this.#stop(name, member, deadlineMs))),
    );
    await Promise.all([...this.#groups.values()].map((group) => group.close()));
    this.#groups.clear();
  }

  async #open(spec: ClusterSpec, release: Release): Promise<Group> {
    const group = await Group.open(spec, release, this.#options.onCall, this.#options.log);
    this.#groups.set(group.key, group);
    return group;
  }

  async #stop(name: string, member: Member, deadlineMs: number): Promise<void> {
    await member.node.stop(deadlineMs);
    await this.#options.hosts.giveBack(member.host);
    await rm(this.#workDir(name), { recursive: true, force: true });
    this.#members.delete(name);
    if (![...this.#members.values()].some(({ group }) => group === member.group))
      await this.#closeGroup(member.group);
    this.#options.onChange();
  }

  #workDir(name: string): string {
    return join(this.#options.dir, 'nodes', name);
  }

  async #closeGroup(key: GroupKey): Promise<void> {
    const group = this.#groups.get(key);
    this.#groups.delete(key);
    await group?.close();
  }
}
