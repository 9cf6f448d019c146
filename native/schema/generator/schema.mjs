// The schema as the generators want it: checked, with names in both languages' manners.
import { readFileSync } from 'node:fs';

const SCALARS = { u8: 1, u16: 2, u32: 4, u64: 8, bool: 1 };
const TYPES = [...Object.keys(SCALARS), 'string', 'bytes', 'array'];

/** requestBodyLength -> request_body_length */
export const snake = (name) => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();

/** requestTruncated -> REQUEST_TRUNCATED */
export const upper = (name) => snake(name).toUpperCase();

export const isScalar = (field) => field.type in SCALARS;

/** Bytes on the wire that do not depend on the value: the whole of a scalar, the length or count of the rest. */
export const fixedSize = (field) => SCALARS[field.type] ?? 4;

/** The fields before the trailing run of bytes and arrays, and that run: what is large comes last. */
export function split(fields) {
  let at = fields.length;
  while (at > 0 && ['bytes', 'array'].includes(fields[at - 1].type)) at -= 1;
  return { prefix: fields.slice(0, at), tail: fields.slice(at) };
}

function checkFields(owner, fields, structs) {
  const seen = new Set();
  for (const field of fields) {
    const where = `${owner}.${field.name}`;
    if (!TYPES.includes(field.type)) throw new Error(`${where}: unknown type ${field.type}`);
    if (field.type === 'array' && !(field.of in structs))
      throw new Error(`${where}: unknown struct ${field.of}`);
    if (field.js !== undefined && (field.js !== 'bigint' || field.type !== 'u64'))
      throw new Error(`${where}: js may only be "bigint", on a u64`);
    if (seen.has(field.name)) throw new Error(`${where}: stands twice`);
    seen.add(field.name);
  }
}

/** Reads and checks frames.json; structs become a list in an order in which each knows those it holds. */
export function loadSchema(path) {
  const schema = JSON.parse(readFileSync(path, 'utf8'));
  for (const [name, fields] of Object.entries(schema.structs)) checkFields(name, fields, schema.structs);
  const types = new Set();
  for (const frame of schema.frames) {
    checkFields(frame.name, frame.fields, schema.structs);
    if (types.has(frame.type)) throw new Error(`${frame.name}: type ${frame.type} stands twice`);
    types.add(frame.type);
  }
  return { ...schema, structList: ordered(schema.structs) };
}

function ordered(structs) {
  const done = new Map();
  const visit = (name, path) => {
    if (path.includes(name)) throw new Error(`${[...path, name].join(' > ')}: a struct cannot hold itself`);
    if (done.has(name)) return;
    for (const field of structs[name]) if (field.of) visit(field.of, [...path, name]);
    done.set(name, { name, fields: structs[name] });
  };
  for (const name of Object.keys(structs)) visit(name, []);
  return [...done.values()];
}
