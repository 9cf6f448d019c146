import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  AppLauncher,
  Backoff,
  ClusterSpec,
  DharmaErrorJson,
  Logger,
  NodeStatus,
  OutboundCall,
  ProxyNode,
  Release,
} from '../../common/index.js';
import { Node } from '../node/node.js';
import type { Host, Provider } from '../provider/provider.js';
import { Group, groupKey } from './group.js';
import type { GroupKey, PlannedNode } from './plan.js';

export interface FleetOptions {
  readonly cluster: string;
  readonly dir: string;
  readonly launcher: AppLauncher;
  readonly provider: Provider;
  /** Tests a node of a release before it may have traffic. */
  readonly test: (
    release: Release,
    target: { readonly host: string; readonly port: number },
    signal: AbortSignal,
  ) => Promise<void>;
  readonly onCall: (call: OutboundCall) => void;
  readonly onChange: () => void;
  readonly backoff?: Backoff;
  readonly log: Logger;
}

interface Member {
  readonly node: Node;
  readonly host: Host;
  readonly group: GroupKey;
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
    return [...this.#members.values()].map(({ node, group, retiring }) => ({
      name: node.name,
      group,
      state: retiring ? 'draining' : node.state,
    }));
  }

  get statuses(): {
    readonly group: GroupKey;
    readonly status: NodeStatus;
    readonly error?: DharmaErrorJson;
  }[] {
    return [...this.#members.values()].map(({ node, group }) => ({
      group,
      status: node.status,
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

  /** Starts one more node of `release`. */
  async start(spec: ClusterSpec, release: Release, signal: AbortSignal): Promise<void> {
    const { cluster, dir, provider, launcher, test, onChange, log, backoff } = this.#options;
    const intent = `${cluster}-${process.pid}-${++this.#started}`;
    const host = await provider.create({ intent, name: intent, cluster, size: spec.config.nodeSize }, signal);
    const name = `${cluster}-${this.#started}`;
    const group = this.#groups.get(groupKey(spec, release)) ?? (await this.#open(spec, release));
    // No waiting from here on: a group without a member may be closed at any time.
    const launch = group.launchSpec({
      name,
      host: host.address!,
      workDir: this.#workDir(name),
      logFile: join(dir, 'logs', `${name}.log`),
    });
    const node = new Node({
      launch,
      launcher,
      test: (target, stop) => test(release, target, stop),
      onChange,
      log,
      ...(backoff === undefined ? {} : { backoff }),
    });
    this.#members.set(name, { node, host, group: group.key, retiring: false, stopping: undefined });
  }

  /** Says that a node is not wanted any more; it goes on with what it has until it is stopped. */
  retire(name: string): void {
    const member = this.#members.get(name);
    if (member === undefined) return;
    member.retiring = true;
    member.node.drain();
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
    await this.#options.provider.destroy(member.host.id, new AbortController().signal);
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
