import { sha256 } from "@cohort/coordinator/src/ledger/crypto.ts";
import { leafHash } from "@cohort/proto/ledger/merkle";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LedgerRows } from "../kit/ledger-rows.ts";
import { TestMesh } from "../kit/mesh.ts";

let mesh: TestMesh;
let rows: LedgerRows;

beforeAll(async () => {
  mesh = await TestMesh.start();
  await mesh.startFactory();
  await mesh.startAgents();
  const run = await mesh.ended(await mesh.run("press-vibration", { press: "p1", rms: 6.2 }));
  expect(run).toMatchObject({ state: "succeeded", reason: "" });
});
afterAll(() => mesh?.stop());
beforeEach(() => {
  rows = new LedgerRows(mesh);
});
afterEach(() => rows?.close());

/** Attack 77: what is done to the live file, and the first entry that `ledger verify` must name. */
const attacks: readonly [string, () => { readonly sql: string; readonly named: number }][] = [
  [
    "whose result was edited",
    () => {
      const { seq } = rows.first("runEnded");
      const json = `replace(json, '"succeeded"', '"failed"')`;
      return { sql: `UPDATE entries SET json = ${json} WHERE seq = ${seq}`, named: seq };
    },
  ],
  [
    "whose cost was edited",
    () => {
      const { seq } = rows.first("callSettled");
      const json = `replace(json, '2000000', '1000000')`;
      return { sql: `UPDATE entries SET json = ${json} WHERE seq = ${seq}`, named: seq };
    },
  ],
  [
    "with one row deleted",
    () => {
      const { seq } = rows.first("callIntended");
      return { sql: `DELETE FROM entries WHERE seq = ${seq}`, named: seq };
    },
  ],
  [
    "with one row deleted and the gap closed",
    () => {
      const { seq } = rows.first("callIntended");
      const close = `UPDATE entries SET seq = seq - 1 WHERE seq > ${seq}`;
      return { sql: `DELETE FROM entries WHERE seq = ${seq}; ${close}`, named: seq };
    },
  ],
  [
    "with two rows in each other's place",
    () => {
      const move = (from: number, to: number) =>
        `UPDATE entries SET seq = ${to} WHERE seq = ${from};`;
      const { seq } = rows.first("runStarted");
      return { sql: move(seq, 0) + move(seq + 1, seq) + move(0, seq + 1), named: seq };
    },
  ],
  [
    "cut off at its end",
    () => {
      const named = rows.entries.length - 2;
      return { sql: `DELETE FROM entries WHERE seq >= ${named}`, named };
    },
  ],
  ["emptied", () => ({ sql: "DELETE FROM entries", named: 1 })],
];

describe("a live ledger", () => {
  afterEach(() => rows.restore());

  it("verifies as it is", async () => {
    const { exit, stdout } = await mesh.cohort("ledger", "verify", "-o", "json");
    expect(exit).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, size: rows.entries.length });
  });

  it.each(attacks)("%s fails to verify, and the first bad entry is named (77)", async (_, make) => {
    const { sql, named } = make();
    rows.execute(sql);
    const { exit, stdout } = await mesh.cohort("ledger", "verify", "-o", "json");
    expect(exit).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, code: "LEDGER_INVALID", seq: named });
    const forPeople = await mesh.cohort("ledger", "verify");
    expect(forPeople.exit).toBe(4);
    expect(forPeople.stdout).toContain(`LEDGER_INVALID entry ${named}: `);
  });

  it("with an entry rewritten together with its hash fails to verify (77)", async () => {
    const rewritten = rewrite();
    const { exit, stdout } = await mesh.cohort("ledger", "verify", "-o", "json");
    expect(exit).toBe(4);
    const { reason, seq } = JSON.parse(stdout) as { reason: string; seq: number };
    const last = Number(/entries \d+ to (\d+)/.exec(reason)?.[1] ?? seq);
    expect(seq).toBeLessThanOrEqual(rewritten);
    expect(last).toBeGreaterThanOrEqual(rewritten);
    expect(reason).toContain("rewritten together with its hash");
  });
});

describe("a coordinator whose ledger was tampered with while it was down", () => {
  const stopped = async () => {
    const coordinator = mesh.program("coordinator");
    await coordinator.kill("SIGTERM");
    rows.close();
    rows = new LedgerRows(mesh);
    return coordinator;
  };
  afterEach(async () => {
    const coordinator = mesh.program("coordinator");
    await coordinator.kill("SIGKILL");
    rows.restore();
    await coordinator.start();
  });

  it.each(attacks)("does not start on one %s (77)", async (_, make) => {
    const coordinator = await stopped();
    const { sql, named } = make();
    rows.execute(sql);
    const said = await coordinator.start().then(String, String);
    expect(said).toContain(`LEDGER_INVALID entry ${named}: `);
  });

  it("says in which commit an entry was rewritten together with its hash (77)", async () => {
    const coordinator = await stopped();
    const seq = rewrite();
    const said = await coordinator.start().then(String, String);
    const [, from = "", to = from] =
      /LEDGER_INVALID entry (\d+): (?:it was|one of the entries \d+ to (\d+) was)/.exec(said) ?? [];
    expect(said).toContain("LEDGER_INVALID");
    expect(Number(from)).toBeLessThanOrEqual(seq);
    expect(Number(to)).toBeGreaterThanOrEqual(seq);
  });
});

/** Lowers what a call cost, with a hash that fits; gives the entry's number. */
function rewrite(): number {
  const { seq, json } = rows.first("callSettled");
  const cheaper = json.replace("2000000", "1000000");
  expect(cheaper).not.toBe(json);
  rows.replace(seq, cheaper, leafHash(sha256, Buffer.from(cheaper)));
  return seq;
}
