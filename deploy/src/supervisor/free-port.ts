import { type AddressInfo, createServer } from "node:net";

/** A port on loopback that nobody listens to now; the kernel does not give it again soon. */
export async function freePort(): Promise<number> {
  const port = await listen(0);
  if (port === null) throw new Error("the kernel gave no port");
  return port;
}

export async function isFree(port: number): Promise<boolean> {
  return (await listen(port)) !== null;
}

/** The port that was bound for a moment, or null when it is taken. */
function listen(port: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") resolve(null);
      else reject(error);
    });
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const bound = (server.address() as AddressInfo).port;
      server.close(() => resolve(bound));
    });
  });
}
