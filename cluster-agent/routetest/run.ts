import {
  DharmaError,
  endpointName,
  messageOf,
  throwIfAborted,
  type RouteConfig,
} from '../../common/index.js';
import { checkAnswer } from './check.js';
import type { NodeCaller } from './caller.js';

interface Failure {
  readonly endpoint: string;
  readonly request: string;
  readonly expected: string;
  readonly found: string;
}

/**
 * Runs every declared route test once, one after the other. All are run, so that one deploy tells all that is wrong.
 * Error: ROUTE_TEST_FAILED, naming for each that failed what was expected and what was found.
 */
export async function runRouteTests(
  caller: NodeCaller,
  routes: readonly RouteConfig[],
  signal: AbortSignal,
): Promise<void> {
  const tested = routes.filter((route) => route.test !== undefined);
  const failures: Failure[] = [];
  for (const route of tested) {
    const failure = await runOne(caller, route, signal);
    throwIfAborted(signal);
    if (failure !== undefined) failures.push(failure);
  }
  if (failures.length > 0) throw routeTestFailed(failures, tested.length);
}

async function runOne(
  caller: NodeCaller,
  route: RouteConfig,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  const test = route.test!;
  const about = { endpoint: endpointName(route), request: `${test.method} ${test.path}` };
  try {
    const mismatch = checkAnswer(test.expect, await caller.call(test, signal));
    return mismatch && { ...about, ...mismatch };
  } catch (error) {
    return { ...about, expected: `status ${test.expect.status}`, found: `no answer (${messageOf(error)})` };
  }
}

/** More than this many would bury the message; the count tells of the rest. */
const SHOWN = 5;

function routeTestFailed(failures: readonly Failure[], tested: number): DharmaError {
  const first = failures[0]!;
  const shown = failures
    .slice(0, SHOWN)
    .map((f) => `${f.endpoint} (${f.request}): expected ${f.expected}, found ${f.found}`);
  if (failures.length > SHOWN) shown.push(`and ${failures.length - SHOWN} more`);
  return new DharmaError({
    code: 'ROUTE_TEST_FAILED',
    message: `${failures.length} of ${tested} route tests failed: ${first.endpoint} expected ${first.expected}, found ${first.found}`,
    found: shown.join('; '),
    remedy: 'Correct the app, or the test of that route in dharma.json.',
    httpStatus: 422,
  });
}
