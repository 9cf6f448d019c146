import { DharmaError, type DharmaErrorJson } from '../../common/index.js';
import type { Host } from '../provider/provider.js';

export function ceilingReached(cluster: string, hourly: number, ceiling: number | null): DharmaError {
  return new DharmaError({
    code: 'CEILING_REACHED',
    message: 'the ceiling of spending is reached: no node is added',
    found: `${cluster} asks for ${hourly} USD an hour more and may spend ${(ceiling ?? 0).toFixed(4)} in all`,
    remedy: 'Raise maxSpend in federation.json, choose a smaller nodeSize, or lower minNodes or nodes.',
    httpStatus: 402,
  });
}

export function priceUnknown(size: string): DharmaError {
  return new DharmaError({
    code: 'PRICE_UNKNOWN',
    message: 'the provider gives no price for this node size, and a ceiling is set: no node is added',
    found: size,
    remedy: 'Set "prices" for the size in the cluster\'s config, or take maxSpend out of federation.json.',
    httpStatus: 402,
  });
}

export function claimedByAnother(cluster: string): DharmaError {
  return new DharmaError({
    code: 'CLUSTER_CLAIMED',
    message: 'another agent runs this cluster since: this one adds nothing any more',
    found: cluster,
    remedy: 'Stop one of the two agents: a cluster has one. The one that started last has it.',
    httpStatus: 409,
  });
}

export function hostMissing(provider: string, hosts: readonly Host[]): DharmaErrorJson {
  return {
    code: 'HOST_MISSING',
    message: 'the provider said that it made a host and does not have it',
    found: `${provider}: ${hosts.map(({ name }) => name).join(', ')}`,
    remedy: 'Look at the account with the provider. It is not paid for any more; another takes its place.',
  };
}

export function hostUnlisted(provider: string, hosts: readonly Host[]): DharmaErrorJson {
  return {
    code: 'HOST_UNLISTED',
    message: 'the provider does not list hosts that answer: its listing is not believed, and they serve on',
    found: `${provider}: ${hosts.map(({ name }) => name).join(', ')}`,
    remedy:
      'Look at the account with the provider. They are counted as before; none takes their place while they answer.',
  };
}

export function hostStray(provider: string, hosts: readonly Host[]): DharmaErrorJson {
  return {
    code: 'HOST_STRAY',
    message: 'the provider had a host twice: the second was destroyed',
    found: `${provider}: ${hosts.map(({ id, name }) => `${name} (${id})`).join(', ')}`,
    remedy: 'Nothing, unless it happens again: then see who else uses the account.',
  };
}

export function hostUnknown(provider: string, hosts: readonly Host[]): DharmaErrorJson {
  return {
    code: 'HOST_UNKNOWN',
    message:
      'the provider has hosts of this cluster that another agent asked for: they are counted, and left alone',
    found: `${provider}: ${hosts.map(({ id, name }) => `${name} (${id})`).join(', ')}`,
    remedy: 'See that no other agent runs this cluster; then destroy them at the provider.',
  };
}
