import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import { onTestFinished } from 'vitest';

/** A package registry on loopback that knows the tarballs given and answers 404 to all else. Resolves with its URL. */
export async function startRegistry(packages: Readonly<Record<string, readonly string[]>>): Promise<string> {
  const files = new Map(
    Object.values(packages).flatMap((paths) => paths.map((path) => [basename(path), path])),
  );
  const server = createServer((request, response) => {
    const name = decodeURIComponent(request.url!.slice(1));
    const file = files.get(basename(name));
    if (file !== undefined) {
      void readFile(file).then((bytes) => response.end(bytes));
    } else if (packages[name] !== undefined) {
      void packument(name, packages[name], url).then((json) => response.end(JSON.stringify(json)));
    } else {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"Not found"}');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return url;
}

async function packument(name: string, tarballs: readonly string[], url: string): Promise<unknown> {
  const versions = await Promise.all(
    tarballs.map(async (path) => {
      const version = basename(path, '.tgz').slice(name.length + 1);
      const integrity = `sha512-${createHash('sha512')
        .update(await readFile(path))
        .digest('base64')}`;
      return [version, { name, version, dist: { tarball: `${url}/${basename(path)}`, integrity } }] as const;
    }),
  );
  return { name, 'dist-tags': { latest: versions.at(-1)![0] }, versions: Object.fromEntries(versions) };
}
