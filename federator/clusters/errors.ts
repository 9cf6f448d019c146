import { DharmaError } from '../../common/index.js';

export function releaseDiffers(app: string, found: string, live: string): DharmaError {
  return new DharmaError({
    code: 'RELEASE_DIFFERS',
    message: `${app} is not the release that is live: all clusters run one release`,
    found: `${found}, live is ${live}`,
    remedy:
      'Add the cluster without --app, then bring the new files to all clusters with: federate deploy DIR',
    httpStatus: 409,
  });
}

export function clusterExists(name: string): DharmaError {
  return new DharmaError({
    code: 'CLUSTER_EXISTS',
    message: `there is a cluster "${name}" already`,
    remedy: `Take another name, or remove it first with: federate remove-cluster ${name}`,
    httpStatus: 409,
  });
}

export function configUnchanged(names: readonly string[]): DharmaError {
  return new DharmaError({
    code: 'CONFIG_UNCHANGED',
    message: `${names.join(', ')} ${names.length === 1 ? 'has' : 'have'} this config already`,
    remedy: 'Change something in it first.',
    httpStatus: 409,
  });
}

export function appNeeded(): DharmaError {
  return new DharmaError({
    code: 'APP_NEEDED',
    message: 'the federation has no release yet',
    remedy:
      "Name the app's folder for the first cluster with --app DIR, or deploy it with: federate deploy DIR",
    httpStatus: 409,
  });
}
