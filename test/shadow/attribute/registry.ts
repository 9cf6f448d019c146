import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface PackageSource {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
}

export interface Registry {
  readonly url: string;
  close(): void;
}

/** A package registry on loopback with these packages; what it needs lies below `dir`. */
export async function startRegistry(dir: string, sources: readonly PackageSource[]): Promise<Registry> {
  const archives = new Map<string, Buffer>();
  for (const source of sources) archives.set(`${source.name}-${source.version}.tgz`, await pack(dir, source));
  const server = createServer((request, response) => {
    const name = decodeURIComponent(request.url!.slice(1));
    const archive = archives.get(name.split('/-/')[1] ?? '');
    const versions = sources.filter((source) => source.name === name);
    if (archive !== undefined) response.end(archive);
    else if (versions.length > 0) response.end(JSON.stringify(packument(versions, archives, url)));
    else response.writeHead(404).end('{"error":"Not found"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function pack(
  dir: string,
  { name, version, dependencies = {}, files }: PackageSource,
): Promise<Buffer> {
  const folder = join(dir, `${name}-${version}`);
  await mkdir(join(folder, 'package'), { recursive: true });
  const all = { 'package.json': JSON.stringify({ name, version, dependencies }), ...files };
  for (const [path, text] of Object.entries(all)) await writeFile(join(folder, 'package', path), text);
  await promisify(execFile)('tar', ['-czf', join(folder, 'p.tgz'), '-C', folder, 'package']);
  return readFile(join(folder, 'p.tgz'));
}

function packument(
  versions: readonly PackageSource[],
  archives: ReadonlyMap<string, Buffer>,
  url: string,
): unknown {
  const { name } = versions[0]!;
  return {
    name,
    'dist-tags': { latest: versions.at(-1)!.version },
    versions: Object.fromEntries(
      versions.map(({ version, dependencies = {} }) => {
        const file = `${name}-${version}.tgz`;
        const integrity = `sha512-${createHash('sha512').update(archives.get(file)!).digest('base64')}`;
        return [
          version,
          { name, version, dependencies, dist: { tarball: `${url}/${name}/-/${file}`, integrity } },
        ];
      }),
    ),
  };
}
