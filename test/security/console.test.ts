import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { connect } from "node:tls";
import { ApplyRequest, StartRunRequest } from "@cohort/proto/gen/cohort/console";
import { limits } from "@cohort/proto/limits";
import { methodRoles } from "@cohort/proto/roles";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";
import { bearerOf, consoleMethods, RawConsole } from "../kit/raw-console.ts";

let mesh: TestMesh;
let console_: RawConsole;
let operator: Record<string, string>;
let approver: Record<string, string>;
let gateway: Record<string, string>;

beforeAll(async () => {
  mesh = await TestMesh.start();
  console_ = new RawConsole(mesh.context);
  operator = bearerOf(mesh.context);
  approver = bearerOf(mesh.approverContext);
  gateway = bearerOf(join(mesh.home, "gateway.json"));
});
afterAll(async () => {
  console_?.close();
  await mesh?.stop();
});

/** Everything that changes the mesh is an entry of the ledger. */
async function expectNothingChanged(act: () => Promise<void>): Promise<void> {
  const { ledger } = mesh.client;
  const before = await mesh.client.call(ledger, ledger.checkpoint, {});
  await act();
  expect(await mesh.client.call(ledger, ledger.checkpoint, {})).toEqual(before);
}

const paths = consoleMethods.map(({ path }) => path);

describe("the console's methods", () => {
  it("are each given to a role, and no role is given to what is none", () => {
    expect(paths.length).toBeGreaterThanOrEqual(16);
    expect(paths.toSorted()).toEqual(Object.keys(methodRoles).toSorted());
    expect(Object.values(methodRoles).every((roles) => roles.length > 0)).toBe(true);
  });

  it("answer to their own role, so that the refusals below are of the role", async () => {
    for (const path of paths) {
      const own = methodRoles[path]?.includes("operator") ? operator : gateway;
      const { code } = await console_.call(path, own, undefined, 500);
      expect(["UNAUTHENTICATED", "FORBIDDEN"], path).not.toContain(code);
    }
  });
});

describe("a caller without the method's credential (98)", () => {
  const token = randomBytes(32).toString("base64url");
  const wrong: [string, () => Record<string, string>][] = [
    ["none", () => ({})],
    ["an empty one", () => ({ authorization: "Bearer " })],
    ["another token", () => ({ authorization: `Bearer ${token}` })],
    [
      "the operator's cut by one",
      () => ({ authorization: operator["authorization"]?.slice(0, -1) ?? "" }),
    ],
    ["the operator's and more", () => ({ authorization: `${operator["authorization"]}A` })],
    [
      "the operator's without a scheme",
      () => ({ authorization: operator["authorization"]?.slice(7) ?? "" }),
    ],
    [
      "the operator's under another name",
      () => ({ "x-authorization": operator["authorization"] ?? "" }),
    ],
  ];

  it.each(wrong)("is told UNAUTHENTICATED by every method with %s", async (_, metadata) => {
    await expectNothingChanged(async () => {
      for (const path of paths) {
        const end = await console_.call(path, metadata());
        expect(end, path).toEqual({
          status: "UNAUTHENTICATED",
          code: "UNAUTHENTICATED",
          answers: [],
        });
      }
    });
  });

  it("is told FORBIDDEN by every method that is not its own when it holds an approver's", async () => {
    const others = paths.filter((path) => !methodRoles[path]?.includes("approver"));
    expect(others).toHaveLength(paths.length - 2);
    await expectNothingChanged(async () => {
      for (const path of others) {
        const end = await console_.call(path, approver);
        expect(end.code, path).toBe("FORBIDDEN");
      }
    });
  });

  it.each(paths)("is told FORBIDDEN by %s when it holds the other role's", async (path) => {
    const other = methodRoles[path]?.includes("operator") ? gateway : operator;
    await expectNothingChanged(async () => {
      const end = await console_.call(path, other);
      expect(end).toEqual({ status: "PERMISSION_DENIED", code: "FORBIDDEN", answers: [] });
    });
  });

  it.each([
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/cohort.console.Secrets/Get",
    "/cohort.console.Runs/__proto__",
    "/constructor",
  ])("finds nothing at %s (99)", async (path) => {
    const end = await console_.call(path, {});
    expect(end).toMatchObject({ status: "UNIMPLEMENTED", answers: [] });
  });
});

describe("a message to the console", () => {
  const start = "/cohort.console.Runs/Start";
  const apply = "/cohort.console.Resources/Apply";
  const alive = async () => {
    const { nodes } = mesh.client;
    await mesh.client.call(nodes, nodes.list, {});
  };

  it("is refused larger than the limit, whoever sends it (100)", async () => {
    const text = "#".repeat(limits.consoleMessageBytesMax);
    const files = [{ path: "a.yaml", text }];
    const large = Buffer.from(
      ApplyRequest.encode({ files, dryRun: false, withTexts: false }).finish(),
    );
    await expectNothingChanged(async () => {
      for (const metadata of [{}, operator]) {
        const end = await console_.call(apply, metadata, large);
        expect(end).toEqual({ status: "RESOURCE_EXHAUSTED", code: "", answers: [] });
      }
      await alive();
    });
  });

  it("is refused when one file in it is larger than its limit (100)", async () => {
    const text = "#".repeat(limits.sourceBytesMax + 1);
    const files = [{ path: "a.yaml", text }];
    const large = Buffer.from(
      ApplyRequest.encode({ files, dryRun: false, withTexts: false }).finish(),
    );
    await expectNothingChanged(async () => {
      const end = await console_.call(apply, operator, large);
      expect(end.code).toBe("LIMIT_EXCEEDED");
    });
  });

  it("is refused with metadata larger than the limit (100)", async () => {
    await expectNothingChanged(async () => {
      const refused = { status: "INVALID_ARGUMENT", code: "LIMIT_EXCEEDED", answers: [] };
      const one = { "x-large": "a".repeat(16 * 1024) };
      expect(await console_.call(start, one)).toEqual(refused);
      expect(await console_.call(start, { ...operator, ...one })).toEqual(refused);
      const many = Array.from({ length: 32 }, (_, at) => [`x-${at}`, "a".repeat(1024)]);
      expect(await console_.call(start, Object.fromEntries(many))).toEqual(refused);
      // Beyond what HTTP/2 carries there is no answer of the coordinator's, but an end there is.
      const huge = { ...operator, "x-large": "a".repeat(1024 * 1024) };
      expect(await console_.call(start, huge)).toMatchObject({ status: "INTERNAL", answers: [] });
      await alive();
    });
  });

  it("is refused when it is no message of the method", async () => {
    await expectNothingChanged(async () => {
      for (const bytes of ["ff", "0aff", "0affffffff0f61", "07"]) {
        const end = await console_.call(start, operator, Buffer.from(bytes, "hex"));
        expect(end).toEqual({ status: "INTERNAL", code: "", answers: [] });
      }
      await alive();
    });
  });

  it("is refused with a stable code when what it asks for is not there", async () => {
    const inputs = { inputsJson: "{}", idempotencyKey: "" };
    const unknown = StartRunRequest.encode({ workflow: "../../etc", ...inputs }).finish();
    await expectNothingChanged(async () => {
      const end = await console_.call(start, operator, Buffer.from(unknown));
      expect(end).toMatchObject({ status: "NOT_FOUND", code: "WORKFLOW_UNKNOWN" });
    });
  });
});

describe("the console's door", () => {
  it("speaks TLS 1.2 and newer alone", async () => {
    const { ports } = mesh;
    const protocol = (maxVersion: "TLSv1.1" | "TLSv1.3") =>
      new Promise<string>((resolve) => {
        const options = { maxVersion, minVersion: "TLSv1" as const, rejectUnauthorized: false };
        const socket = connect({
          port: ports.console,
          host: "127.0.0.1",
          ALPNProtocols: ["h2"],
          ...options,
        });
        socket.on("secureConnect", () => {
          resolve(socket.getProtocol() ?? "");
          socket.destroy();
        });
        socket.on("error", () => resolve("refused"));
      });
    expect(await protocol("TLSv1.1")).toBe("refused");
    expect(await protocol("TLSv1.3")).toBe("TLSv1.3");
  });
});
