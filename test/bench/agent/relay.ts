import { type AddressInfo, createConnection, createServer, type Server } from "node:net";

/** Passes connections on to a port of this machine, and counts what goes through, both ways. */
export class Relay {
  #bytes = 0;

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async open(target: number): Promise<Relay> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const relay = new Relay(server, (server.address() as AddressInfo).port);
    server.on("connection", (near) => {
      const far = createConnection(target, "127.0.0.1");
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        // Else what the relay itself holds back, 40 ms at a time, would be measured as the agent's.
        from.setNoDelay(true);
        from.on("data", (data) => {
          relay.#bytes += data.length;
          to.write(data);
        });
        from.on("error", () => {});
        from.on("close", () => to.destroy());
      }
    });
    return relay;
  }

  /** What the sockets carried so far: TLS records, without the headers of TCP and IP. */
  get bytes(): number {
    return this.#bytes;
  }

  close(): void {
    this.server.close();
  }
}
