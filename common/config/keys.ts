import { z } from 'zod';

/** A JSON schema as far as it is walked here. */
interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly additionalProperties?: Shape | boolean;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly allOf?: readonly Shape[];
}

/** The keys that `schema` knows in the object at `path`, in their order; empty where any are allowed, or none can be told. */
export function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as Shape;
  const shapes = path.reduce<readonly Shape[]>((at, key) => at.flatMap((shape) => below(shape, key)), [root]);
  return [
    ...new Set(shapes.flatMap(alternatives).flatMap(({ properties }) => Object.keys(properties ?? {}))),
  ];
}

function below(shape: Shape, key: PropertyKey): readonly Shape[] {
  return alternatives(shape).flatMap(({ properties, additionalProperties, items }) => {
    const child = typeof key === 'number' ? items : (properties?.[String(key)] ?? additionalProperties);
    return typeof child === 'object' ? [child] : [];
  });
}

/** The shape itself, and those it is put together from. */
function alternatives(shape: Shape): readonly Shape[] {
  return [shape, ...[...(shape.anyOf ?? []), ...(shape.allOf ?? [])].flatMap(alternatives)];
}
