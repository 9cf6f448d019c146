import { DharmaError, type Logger } from '../../common/index.js';
import type { Commands } from '../server/commands.js';
import type { Forwarder } from '../server/forward.js';
import type { Views } from '../server/views.js';

export interface ApiOptions {
  readonly token: string;
  readonly instance: { readonly name: string };
  /** This instance's commands and views while it is active, else where the active one is (if known). */
  readonly role: () => Promise<ApiRole>;
  readonly forwarder: Forwarder;
  readonly agentSocket: (cluster: string) => string;
  readonly log: Logger;
}

export type ApiRole =
  | { readonly active: true; readonly commands: Commands; readonly views: Views }
  | { readonly active: false; readonly url: string | undefined };

/** The commands and views behind a request that got this far. Error: NO_ACTIVE_INSTANCE, if the lease just went. */
export async function activeRole(options: ApiOptions): Promise<Extract<ApiRole, { active: true }>> {
  const role = await options.role();
  if (!role.active) throw noActiveInstance();
  return role;
}

export function noActiveInstance(): DharmaError {
  return new DharmaError({
    code: 'NO_ACTIVE_INSTANCE',
    message: 'no federator instance is active right now',
    remedy: 'Try again in a few seconds: one takes over as soon as the lease is free.',
    httpStatus: 503,
  });
}
