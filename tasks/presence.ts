import { once } from 'node:events';
import { createServer, type Server } from 'node:http';

/** Where a worker shows that it is up: any request is answered with the tasks it takes. The owner must `close()` it. */
export async function showPresence(
  { host, port }: { readonly host: string; readonly port: number },
  tasks: () => readonly string[],
): Promise<Server> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ role: 'worker', tasks: tasks() }));
  });
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}
