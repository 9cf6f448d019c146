import { isDoc, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { lengthOf } from '../iterables.js';
import { findIds } from '../query/execute.js';
import { naturalOrder } from '../query/natural.js';
import { plan } from '../query/planner.js';
import { compileSort } from '../query/sort.js';
import { contextOf, countArg, docArg, hintArg } from './args.js';
import { command, type Command, type CommandRequest } from './command.js';

/** Where each command that can be explained keeps its filter. */
const FILTERS: Readonly<Record<string, (body: Doc) => unknown>> = {
  find: ({ filter }) => filter,
  count: ({ query }) => query,
  distinct: ({ query }) => query,
  findAndModify: ({ query }) => query,
  aggregate: ({ pipeline }) => firstOf(pipeline, '$match'),
  update: ({ updates }) => firstOf(updates, 'q'),
  delete: ({ deletes }) => firstOf(deletes, 'q'),
};

function firstOf(list: unknown, name: string): unknown {
  const [first] = Array.isArray(list) ? (list as unknown[]) : [];
  return isDoc(first) ? first[name] : undefined;
}

/** A short form of mongod's explain: how candidates are found, and how many documents match. */
export function explain(request: CommandRequest): Doc {
  const { engine, body, database } = request;
  const inner = docArg(body, 'explain') ?? {};
  const [name = ''] = Object.keys(inner);
  const filterOf = FILTERS[name] ?? fault(59, `Explain failed due to unknown command: ${name}`);
  const given = filterOf(inner);
  const filter = isDoc(given) ? given : {};
  const namespace = `${database}.${String(inner[name])}`;
  const collection = engine.catalog.get(namespace);
  const innerRequest = { ...request, name, body: inner };
  const context = contextOf(innerRequest, inner, collection);
  const sorted = naturalOrder(inner.sort);
  const natural = sorted ?? naturalOrder(inner.hint);
  const sort = sorted === undefined ? compileSort(inner.sort) : [];
  if (collection === undefined) return { queryPlanner: { namespace, winningPlan: { stage: 'EOF' } }, ok: 1 };
  const hint = hintArg(inner, collection);
  const scan =
    natural === undefined
      ? plan(collection, { filter, sort, collation: context.collation, hint })
      : undefined;
  const input: Doc =
    scan === undefined
      ? { stage: 'COLLSCAN', direction: natural === -1 ? 'backward' : 'forward' }
      : {
          stage: 'FETCH',
          inputStage: {
            stage: 'IXSCAN',
            indexName: scan.index.name,
            keyPattern: scan.index.spec.key,
            isMultiKey: scan.index.multikey,
            direction: scan.order === 'reverse' ? 'backward' : 'forward',
          },
        };
  const sorts = sort.length > 0 && scan?.order === undefined;
  const limit = countArg(inner, 'limit', 0);
  const nReturned = lengthOf(
    findIds(collection, { filter, sort, skip: countArg(inner, 'skip', 0), limit, hint, natural, context }),
  );
  return {
    explainVersion: '1',
    queryPlanner: {
      namespace,
      parsedQuery: filter,
      winningPlan: sorts ? { stage: 'SORT', sortPattern: inner.sort, inputStage: input } : input,
      rejectedPlans: [],
    },
    executionStats: { executionSuccess: true, nReturned },
    ok: 1,
  };
}

export const EXPLAIN_COMMANDS: Readonly<Record<string, Command>> = {
  explain: command(['verbosity'], explain),
};
