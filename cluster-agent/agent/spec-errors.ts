import { DharmaError } from '../../common/index.js';

export function wrongCluster(found: string, own: string): DharmaError {
  return new DharmaError({
    code: 'WRONG_CLUSTER',
    message: `this agent runs the cluster "${own}"`,
    found,
    remedy: `Put the spec to the agent of "${found}".`,
    httpStatus: 409,
  });
}

export function specOutdated(found: number, own: number): DharmaError {
  return new DharmaError({
    code: 'SPEC_OUTDATED',
    message: 'a newer spec is known already',
    found: `generation ${found}, known is ${own}`,
    remedy: 'Read the status, and put a spec of a later generation.',
    httpStatus: 409,
  });
}
