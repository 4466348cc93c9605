import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";

/** A service over TLS in a process of its own: told the files of its certificate, it tells its port. */
const [certificate, key] = process.argv.slice(2).map((path) => readFileSync(path));
const piece = Buffer.alloc(64 * 1024, "0123456789abcdef");

const server = createServer({ cert: certificate ?? "", key: key ?? "" }, (request, response) => {
  request.resume();
  request.on("end", () => {
    const bytes = Number(/^\/bytes\/(\d+)$/.exec(request.url ?? "")?.[1] ?? 0);
    if (bytes === 0) return response.end('{"ok":true}');
    response.writeHead(200, { "content-length": bytes });
    let left = bytes;
    const more = () => {
      while (left > 0) {
        const next = piece.subarray(0, Math.min(left, piece.length));
        left -= next.length;
        if (!response.write(next)) return;
      }
      response.end();
    };
    response.on("drain", more);
    more();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.send?.((server.address() as AddressInfo).port);
