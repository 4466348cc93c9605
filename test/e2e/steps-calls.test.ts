import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLedger } from "../kit/history.ts";
import { TestMesh } from "../kit/mesh.ts";
import { runSteps } from "../kit/step-runs.ts";

/** One HTTP request by hand: what the step's own loopback answers needs no client library. */
const post = (target: string) => `
      exec 3<>/dev/tcp/127.0.0.1/\${COHORT_PROXY##*:}
      printf 'POST ${target} HTTP/1.1\\r\\nhost: proxy\\r\\ncontent-type: application/json\\r\\n' >&3
      printf 'content-length: 17\\r\\nconnection: close\\r\\n\\r\\n{"title":"noise"}' >&3
      cat <&3`;

describe("a call from inside a step", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.startFactory();
    await mesh.startAgents({ "board-01": {} });
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  it("to a granted service is answered, and charged, with no key in the step", async () => {
    const { run, output, log } = await runSteps(
      mesh,
      `
  - id: fetched
    grants: { services: [maintenance] }
    script: |
      export default async ({ fetch }) => {
        const body = { title: "heat" };
        const filed = await fetch("maintenance:/tickets", { method: "POST", body });
        const listed = await fetch("maintenance:/tickets");
        return { status: filed.status, ticket: await filed.json(), all: await listed.json() };
      };
  - id: by-hand
    depends: [fetched]
    shell: bash
    grants: { services: [maintenance] }
    run: |${post("/maintenance/tickets")}
      env; cat /work/* /proc/*/environ 2>/dev/null || true
`,
    );
    expect(run.state).toBe("succeeded");
    expect(output("fetched")).toMatchObject({
      status: 201,
      all: { tickets: [{ report: { title: "heat" } }] },
    });
    const text = await log("by-hand");
    expect(text).toMatch(/^HTTP\/1\.1 201 /);
    expect(text).toContain("COHORT_PROXY=http://127.0.0.1:");
    for (const form of ["utf8", "base64", "hex"] as const) {
      const key = Buffer.from(mesh.apiKey).toString(form).replace(/=+$/, "");
      expect(text + JSON.stringify(run)).not.toContain(key);
    }
    const spent = run.charges.map(({ step, state, nanoUsd }) => [step, state, nanoUsd]);
    expect(spent.sort()).toEqual([
      ["by-hand", "posted", 2_000_000],
      ["fetched", "posted", 2_000_000],
      ["fetched", "posted", 2_000_000],
    ]);
  });

  it("outside its grants is refused with GRANT_MISSING, costs nothing, and is in the ledger", async () => {
    const { run, output, instance, log } = await runSteps(
      mesh,
      `
  - id: method
    grants: { services: [maintenance] }
    script: |
      export default async ({ fetch }) => {
        const answer = await fetch("maintenance:/tickets", { method: "DELETE" });
        return { status: answer.status, text: await answer.text() };
      };
  - id: path
    grants: { services: [maintenance] }
    script: |
      export default async ({ fetch }) => {
        const answer = await fetch("maintenance:/admin");
        return { status: answer.status, text: await answer.text() };
      };
  - id: service
    shell: bash
    grants: { services: [maintenance] }
    run: |${post("/payroll/tickets")}
  - id: nothing
    script: "export default ({ fetch }) => fetch('maintenance:/tickets')"
`,
    );
    expect(output("method")).toMatchObject({ status: 403 });
    expect(JSON.stringify(output("method"))).toContain("GRANT_MISSING");
    expect(output("path")).toMatchObject({ status: 403 });
    expect(JSON.stringify(output("path"))).toContain("GRANT_MISSING");
    expect(await log("service")).toMatch(/^HTTP\/1\.1 403 [\s\S]*GRANT_MISSING/);
    expect(instance("nothing").message).toContain("the step has no grants for services");
    expect(run.charges).toEqual([]);
    const refused = (await readLedger(mesh)).flatMap(({ event }) =>
      event.$case === "callRefused" && event.value.attempt?.run === run.run ? [event.value] : [],
    );
    const codes = refused.map((it) => `${it.attempt?.step} ${it.service} ${it.code}`);
    expect(codes).toContain("method maintenance GRANT_MISSING");
    expect(codes).toContain("path maintenance GRANT_MISSING");
    expect(codes).toContain("service payroll GRANT_MISSING");
  });
});
