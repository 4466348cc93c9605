import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { join } from "node:path";
import { createServer, type TlsOptions } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { runProgram, temporaryFolder } from "./agent.ts";

interface Authority {
  readonly cert: string;
  readonly fingerprint: number[];
  /** A certificate for the subject alternative names, with its key; the chain ends with the root. */
  issue(
    names: string,
    options?: { days?: string; usage?: string },
  ): { key: string; chain: string; leaf: string };
}

function authority(name = "root"): Authority {
  const dir = temporaryFolder();
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: dir, stdio: "pipe" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-days",
    "30",
    "-subj",
    `/CN=${name}`,
    "-addext",
    "basicConstraints=critical,CA:TRUE",
    "-addext",
    "keyUsage=critical,keyCertSign",
  );
  const cert = readFileSync(join(dir, "ca.crt"), "utf8");
  return {
    cert,
    fingerprint: [...createHash("sha256").update(new X509Certificate(cert).raw).digest()],
    issue: (names, { days = "10", usage = "serverAuth" } = {}) => {
      writeFileSync(join(dir, "ext"), `subjectAltName=${names}\nextendedKeyUsage=${usage}\n`);
      openssl("req", ...newKey, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=server");
      openssl(
        "x509",
        "-req",
        "-in",
        "leaf.csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-out",
        "leaf.crt",
        "-days",
        days,
        "-extfile",
        "ext",
      );
      const leaf = readFileSync(join(dir, "leaf.crt"), "utf8");
      return { key: readFileSync(join(dir, "leaf.key"), "utf8"), leaf, chain: leaf + cert };
    },
  };
}

/** A server that echoes until it reads "bye", then says goodbye itself. */
async function serve(
  options: TlsOptions,
  onConnection?: (socket: Socket) => void,
): Promise<number> {
  const server = createServer(options, (socket) => {
    socket.on("error", () => {});
    if (onConnection !== undefined) onConnection(socket);
    else
      socket.on("data", (data) => (data.toString() === "bye" ? socket.end() : socket.write(data)));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const connect = (port: number, trust: string, host = "127.0.0.1") =>
  `await host.connectTls({ host: ${JSON.stringify(host)}, port: ${port}, trust: ${trust}, timeoutMs: 5000 })`;
const byCa = (cert: string) => `{ ca: ${JSON.stringify(cert)} }`;
const byFingerprint = (bytes: number[]) =>
  `{ fingerprint: new Uint8Array(${JSON.stringify(bytes)}) }`;

test.each(["TLSv1.2", "TLSv1.3"] as const)(
  "%s carries bytes both ways and ends with null",
  async (version) => {
    const root = authority();
    const { key, leaf } = root.issue("IP:127.0.0.1");
    const port = await serve({ key, cert: leaf, minVersion: version, maxVersion: version });
    const { result } = await runProgram(`
    const socket = ${connect(port, byCa(root.cert))};
    const sent = host.random(300000);
    const writing = socket.write(sent);
    let received = 0, equal = true;
    while (received < sent.length) {
      const bytes = await socket.read();
      equal &&= bytes.every((byte, index) => byte === sent[received + index]);
      received += bytes.length;
    }
    await writing;
    await socket.write(new TextEncoder().encode("bye"));
    return { received, equal, end: await socket.read(), root: socket.peerRoot };
  `);
    expect(result).toEqual({ received: 300000, equal: true, end: null, root: root.cert });
  },
);

test("a server of another authority, another name, another use or a past date is refused", async () => {
  const root = authority();
  const stranger = authority("root");
  const good = root.issue("IP:127.0.0.1,DNS:localhost");
  const otherName = root.issue("DNS:example.test,IP:127.0.0.2");
  const client = root.issue("IP:127.0.0.1", { usage: "clientAuth" });
  const port = await serve({ key: good.key, cert: good.chain });
  const otherPort = await serve({ key: otherName.key, cert: otherName.chain });
  const clientPort = await serve({ key: client.key, cert: client.chain });
  const code = async (source: string) => (await runProgram(source)).result?.thrown?.code;
  expect(await code(connect(port, byCa(stranger.cert)))).toBe("TLS_VERIFY");
  expect(await code(connect(otherPort, byCa(root.cert)))).toBe("TLS_VERIFY");
  expect(await code(connect(clientPort, byCa(root.cert)))).toBe("TLS_VERIFY");
  expect(await code(connect(port, byCa("no certificate")))).toBe("TLS_VERIFY");
  expect(await code(`${connect(port, byCa(root.cert), "localhost")}; return 1`)).toBeUndefined();
});

test("a join by fingerprint trusts exactly the root that the server sent", async () => {
  const root = authority();
  const { key, chain, leaf } = root.issue("IP:127.0.0.1");
  const port = await serve({ key, cert: chain });
  const withoutRoot = await serve({ key, cert: leaf });
  const { result } = await runProgram(
    `return (${connect(port, byFingerprint(root.fingerprint))}).peerRoot`,
  );
  expect(result).toBe(root.cert);
  const wrong = root.fingerprint.map((byte, index) => (index === 31 ? byte ^ 1 : byte));
  for (const source of [
    connect(port, byFingerprint(wrong)),
    connect(withoutRoot, byFingerprint(root.fingerprint)),
  ]) {
    expect((await runProgram(source)).result.thrown.code).toBe("TLS_VERIFY");
  }
});

test("a root that is sent but did not sign the server is refused in a join by fingerprint", async () => {
  const root = authority();
  const stranger = authority();
  const { key, leaf } = stranger.issue("IP:127.0.0.1");
  const port = await serve({ key, cert: leaf + root.cert });
  const { result } = await runProgram(connect(port, byFingerprint(root.fingerprint)));
  expect(result.thrown.code).toBe("TLS_VERIFY");
});

test("a server without TLS, a silent one and a closed port have codes of their own", async () => {
  const start = async (onConnection: (socket: Socket) => void) => {
    const server = createTcpServer(onConnection).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((done) => server.once("listening", done));
    return (server.address() as AddressInfo).port;
  };
  const plain = await start((socket) =>
    socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n"),
  );
  const silent = await start((socket) => socket.on("error", () => {}));
  const code = async (port: number, timeoutMs: number) =>
    (
      await runProgram(
        `await host.connectTls({ host: "127.0.0.1", port: ${port}, trust: { ca: "" }, timeoutMs: ${timeoutMs} })`,
      )
    ).result.thrown.code;
  expect(await code(plain, 5000)).toBe("TLS_HANDSHAKE");
  expect(await code(silent, 300)).toBe("TIMEOUT");
  expect(await code(1, 5000)).toBe("ECONNREFUSED");
});

test("a connection that is cut rejects, and a closed socket says so", async () => {
  const root = authority();
  const { key, leaf } = root.issue("IP:127.0.0.1");
  const port = await serve({ key, cert: leaf }, (socket) =>
    setTimeout(() => socket.destroy(), 100),
  );
  const { result } = await runProgram<string[]>(`
    const codes = [];
    const note = (promise) => promise.then(() => codes.push("fine"), (error) => codes.push(error.code));
    const cut = ${connect(port, byCa(root.cert))};
    await note(cut.read());
    const closed = ${connect(port, byCa(root.cert))};
    const reading = note(closed.read());
    closed.close();
    await reading;
    await note(closed.read());
    await note(closed.write(new Uint8Array(1)));
    closed.close();
    return codes;
  `);
  expect(["ECONNRESET", "fine"]).toContain(result[0]);
  expect(result.slice(1)).toEqual(["CLOSED", "CLOSED", "CLOSED"]);
});
