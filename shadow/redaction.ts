/** Header fields whose values reports do not keep. */
const HEADERS = ['authorization', 'cookie', 'set-cookie', 'proxy-authorization', 'x-api-key', 'x-auth-token'];

/** Fields that hold secrets wherever they stand; written in any case, with or without `-` and `_`. */
const FIELDS = [
  ...['password', 'passwd', 'passphrase', 'secret', 'clientsecret', 'privatekey', 'apikey'],
  ...['token', 'accesstoken', 'refreshtoken', 'idtoken', 'authtoken', 'sessiontoken'],
];

export const REDACTED = '⟨redacted⟩';
const REDACTED_JSON = JSON.stringify(REDACTED);

/** A value that is a name of ours tells nothing of the one it stands for. */
const SYMBOL = /^"(?:Bearer )?⟨id \d+⟩"$/;

const DEEP = Symbol('any steps');
type Pattern = readonly (string | typeof DEEP)[];

/** What reports do not keep: header fields by name, values by JSON path, the usual secrets besides. */
export class Redaction {
  readonly #headers: ReadonlySet<string>;
  readonly #patterns: readonly Pattern[];
  readonly #names: ReadonlySet<string>;

  /** Rules as in a manifest: names of header fields, and paths that begin with `$`. */
  constructor(rules: readonly string[] = []) {
    const paths = [...rules.filter((rule) => rule.startsWith('$')), ...FIELDS.map((name) => `$..${name}`)];
    this.#headers = new Set(
      [...HEADERS, ...rules.filter((rule) => !rule.startsWith('$'))].map((name) => name.toLowerCase()),
    );
    this.#patterns = paths.map(patternOf);
    this.#names = new Set(
      this.#patterns.flatMap((pattern) => pattern.filter((step, i) => isLast(pattern, i) && step !== '*')),
    ) as ReadonlySet<string>;
  }

  /** Whether nothing of what stands at a place may be told. Attributes of cookies may. */
  hides(where: string, inner: string): boolean {
    const header =
      /^header:(.+)$/.exec(where)?.[1] ??
      / headers(?:\.([\w-]+)|\["([^"]+)"\])/.exec(where)?.slice(1).find(Boolean);
    if (header !== undefined && this.#headers.has(header.toLowerCase()))
      return !(header === 'set-cookie' && /\./.test(inner) && !inner.includes('.value'));
    return this.#matches(stepsOf(where, inner));
  }

  /** A value (JSON text; undefined: absent) without what is not to be kept. */
  value(where: string, inner: string, json: string | undefined): string | undefined {
    if (json === undefined || SYMBOL.test(json)) return json;
    if (this.hides(where, inner)) return REDACTED_JSON;
    if (!/^[[{]/.test(json)) return this.text(json);
    try {
      return JSON.stringify(this.#within(JSON.parse(json) as unknown, stepsOf(where, inner)));
    } catch {
      return this.#cut(json);
    }
  }

  /** A request's target, or any text: values of `name=value` whose name is one of a rule's are hidden. */
  text(text: string): string {
    return text.replace(
      /([?&;\s"]|^)([\w.%[\]-]+)=([^&;\s"]+)/g,
      (pair: string, before: string, name: string) =>
        this.#names.has(normal(name)) ? `${before}${name}=${REDACTED}` : pair,
    );
  }

  #within(value: unknown, path: readonly string[]): unknown {
    if (this.#matches(path)) return REDACTED;
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.#within(item, [...path, '*']));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, field]) => [
        key,
        this.#headers.has(key.toLowerCase()) ? REDACTED : this.#within(field, [...path, normal(key)]),
      ]),
    );
  }

  /** JSON that was cut, so that it cannot be read: by its fields' names alone. */
  #cut(json: string): string {
    return json.replace(/"([^"\\]{1,64})":("(?:[^"\\]|\\.)*"?|[^,}\]]+)/g, (field: string, key: string) =>
      this.#names.has(normal(key)) || this.#headers.has(key.toLowerCase())
        ? `"${key}":${REDACTED_JSON}`
        : field,
    );
  }

  /** Below a hidden place everything is hidden. */
  #matches(steps: readonly string[]): boolean {
    return this.#patterns.some((pattern) => begins(pattern, steps));
  }
}

function isLast(pattern: Pattern, at: number): boolean {
  return at === pattern.length - 1;
}

function normal(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}

function patternOf(path: string): Pattern {
  return [...path.slice(1).matchAll(/(\.\.|\.)([\w*-]+)|\[\*\]/g)].flatMap(([, dots, name]) => [
    ...(dots === '..' ? [DEEP] : []),
    name === undefined ? '*' : normal(name),
  ]) as Pattern;
}

/** The steps of a place below its root (`$`, a store's key); items of lists are `*`. */
function stepsOf(where: string, inner: string): readonly string[] {
  const root = /^(?:state|file):/.test(where) ? where.search(/[.[]/) : where.indexOf('$');
  const path = (root < 0 ? '' : where.slice(root)) + inner.replace(/ as \w+ \$| word \d+/g, '');
  return [...path.matchAll(/\.([\w@#*-]+)|\["((?:[^"\\]|\\.)*)"\]|\[[^\]]*\]/g)].map(([, name, quoted]) =>
    normal(name ?? quoted ?? '*'),
  );
}

/** Whether the pattern fits the steps, or their beginning. */
function begins(pattern: Pattern, steps: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return true;
  if (first === DEEP) return steps.some((_, i) => begins(rest, steps.slice(i)));
  return steps.length > 0 && (first === '*' || first === steps[0]) && begins(rest, steps.slice(1));
}
