import type { ProxyConfig } from '../config/proxy.js';
import type { CacheFrame, LimitsFrame, TelemetryFrame } from '../frames/index.js';
import type { Logger } from '../log.js';

/** What of a proxy's config can change while it runs. */
export type ProxySettings = Omit<ProxyConfig, 'listen' | 'workers' | 'control'>;

/** The rest: what a process is told when it starts. */
export interface ProxyFixed {
  readonly listen: ProxyConfig['listen'];
  readonly workers: number | undefined;
}

export interface ProxyProcessOptions {
  /** For logs and errors: `edge`, `blue`. */
  readonly name: string;
  /** Folder for its config, control socket and log; made when it is not there. */
  readonly runDir: string;
  readonly listen: ProxyConfig['listen'];
  readonly workers?: number;
  readonly settings: ProxySettings;
  /** With the pid of the process it is from: while one takes another's place there are several. */
  readonly onTelemetry?: (frame: TelemetryFrame, pid: number) => void;
  /** This process tells no more. */
  readonly onEnd?: (pid: number) => void;
  readonly onLimits?: (frame: LimitsFrame, pid: number) => void;
  readonly onCache?: (frame: CacheFrame) => void;
  readonly log: Logger;
}

/** How a replacement is to differ: what is left out stays. */
export interface ProxyReplacement {
  readonly listen?: ProxyConfig['listen'];
  readonly workers?: number;
  readonly settings?: ProxySettings;
}

/** Which process runs. */
export interface ProxyIdentity {
  readonly pid: number;
  /** Of the program. */
  readonly version: string;
}
