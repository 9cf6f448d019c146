import { DharmaError, ExitCode } from '../../common/index.js';

/** No answer, or none in time: what was asked for may have been done all the same. */
export function notAnswering(provider: string, found: string): DharmaError {
  return new DharmaError({
    code: 'PROVIDER_NOT_ANSWERING',
    message: `${provider} does not answer`,
    found,
    remedy: 'Check the network and the state of the provider; it is tried again.',
    httpStatus: 504,
  });
}

/** The provider says that it cannot now (429 and 5xx): what was asked for may have been done all the same. */
export function busy(provider: string, status: number, words: string): DharmaError {
  return new DharmaError({
    code: 'PROVIDER_BUSY',
    message: `${provider} cannot do it now: ${words}`,
    found: `status ${status}`,
    remedy: 'It is tried again, later.',
    httpStatus: 503,
  });
}

/** The provider says no, and will again. */
export function refused(provider: string, status: number, words: string): DharmaError {
  return new DharmaError({
    code: 'PROVIDER_REFUSED',
    message: `${provider} refused: ${words}`,
    found: `status ${status}`,
    remedy: status === 401 ? 'Give a token that is valid and may write.' : 'Correct what it names.',
    httpStatus: 502,
  });
}

export function unreadable(provider: string, why: string): DharmaError {
  return new DharmaError({
    code: 'PROVIDER_UNREADABLE',
    message: `${provider} answered what cannot be understood`,
    found: why.slice(0, 500),
    remedy: 'See whether a newer dharma knows its present API.',
    httpStatus: 502,
  });
}

export function sizeUnknown(size: string): DharmaError {
  return new DharmaError({
    code: 'PROVIDER_SIZE_UNKNOWN',
    message: `the provider has no size "${size}"`,
    found: size,
    remedy: 'Set "nodeSize" to one of the provider\'s sizes, such as s-1vcpu-1gb.',
    exitCode: ExitCode.usage,
  });
}
