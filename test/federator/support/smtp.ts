import { createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A mail server on loopback that takes everything, gone when the test ends. */
export async function startSmtp(): Promise<{ url: string; mails: string[] }> {
  const mails: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let [data, inMail] = ['', false];
    socket.write('220 test\r\n');
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      data += chunk;
      for (let end = data.indexOf('\r\n'); end >= 0; end = data.indexOf('\r\n')) {
        if (inMail) {
          const stop = data.indexOf('\r\n.\r\n');
          if (stop < 0) return;
          mails.push(data.slice(0, stop));
          data = data.slice(stop + 5);
          inMail = false;
          socket.write('250 taken\r\n');
          continue;
        }
        const line = data.slice(0, end);
        data = data.slice(end + 2);
        inMail = line === 'DATA';
        socket.write(inMail ? '354 go on\r\n' : line === 'QUIT' ? '221 bye\r\n' : '250 ok\r\n');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`, mails };
}
