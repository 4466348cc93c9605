import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encodeUserSeed } from "@cohort/node-agent/mesh/nkey";
import {
  Cancel,
  Dispatch,
  Dispatches,
  DispatchReply,
  Heartbeat,
  Signed,
} from "@cohort/proto/gen/cohort/node";
import { dispatchProof } from "@cohort/proto/proof";
import { ownerOf, subjects } from "@cohort/proto/subjects";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Bus, joinBus, publishIsRefused, subscribeIsRefused } from "../kit/bus.ts";
import { TestMesh } from "../kit/mesh.ts";
import { joinAsIntruder } from "../kit/mesh-place.ts";
import { sodium } from "../kit/rogue-keys.ts";

let mesh: TestMesh;
/** Who has taken over the bus itself, but none of the coordinator's signing keys. */
let intruder: Bus;
/** Everything that crossed the mesh's part of the bus, from before the agents joined. */
const crossed: { subject: string; reply: string; data: Uint8Array }[] = [];

beforeAll(async () => {
  mesh = await TestMesh.start();
  intruder = await joinAsIntruder(mesh);
  intruder.connection.subscribe(">", {
    callback: (_, { subject, reply = "", data }) => void crossed.push({ subject, reply, data }),
  });
  await intruder.connection.flush();
  await mesh.startAgents({ "press-01": {}, "press-02": {} });
  await mesh.apply([{ path: "touch.yaml", text: touch }]);
});
afterAll(async () => {
  await intruder?.connection.close();
  await mesh?.stop();
});

const touch = `kind: workflow
name: touch
steps:
  - id: touch
    nodes: { select: "node.name == 'press-01'" }
    run: echo touched
`;

describe("the credential in a real agent's data folder", () => {
  let stolen: Bus;

  beforeAll(async () => {
    await mesh.program("press-01").kill("SIGKILL");
    const path = join(mesh.home, "nodes/press-01/identity.json");
    const { natsSeed, enrolment } = JSON.parse(readFileSync(path, "utf8")) as StoredIdentity;
    const seed = new TextEncoder().encode(encodeUserSeed(Buffer.from(natsSeed, "base64")));
    const { node, userJwt, servers, rootCa } = enrolment;
    stolen = await joinBus({ servers, ca: rootCa }, { owner: node, jwt: userJwt, seed });
  });
  afterAll(async () => {
    await stolen.connection.close();
    await mesh.program("press-01").start();
  });

  it("speaks as its own node, so that what follows is no accident", async () => {
    const own = subjects.up("press-01", "heartbeat");
    expect(await publishIsRefused(stolen, own)).toBe(false);
    expect(crossed.map(({ subject }) => subject)).toContain(own);
  });

  it.each([
    ["as another node (23)", "mesh.up.press-02.heartbeat"],
    ["as the coordinator (26)", "mesh.down.press-02.dispatch"],
    ["to itself as the coordinator (26)", "mesh.down.press-01.dispatch"],
    ["to another's inbox (23)", "_INBOX_press-02.x"],
    ["to JetStream (25)", "$JS.API.INFO"],
    ["to the system account (22)", "$SYS.REQ.SERVER.PING"],
  ])("does not speak %s", async (_, subject) => {
    expect(await publishIsRefused(stolen, subject)).toBe(true);
    const rogue = crossed.filter((it) => it.subject === subject && text(it.data) === "rogue");
    expect(rogue).toEqual([]);
  });

  it.each([">", "mesh.>", "mesh.down.*.dispatch", "mesh.up.>", "_INBOX.>", "_INBOX_*.>", "$SYS.>"])(
    "does not listen to %s (22)",
    async (subject) => {
      expect(await subscribeIsRefused(stolen, subject)).toBe(true);
    },
  );

  it("gets no answer to where it has no business (24)", async () => {
    const reply = "mesh.down.press-02.dispatch";
    const before = crossed.length;
    const since = () => crossed.slice(before).map(({ subject }) => subject);
    const hello = subjects.up("press-01", "hello");
    stolen.connection.publish(hello, new Uint8Array(), { reply });
    await stolen.connection.request(hello, new Uint8Array(), { timeout: 5_000 });
    // Requests are answered in turn: the other answer would have come before this one.
    const inbox = `${subjects.inboxPrefix("press-01")}.`;
    await vi.waitUntil(() => since().some((subject) => subject.startsWith(inbox)));
    expect(since().filter((subject) => subject === hello)).toHaveLength(2);
    expect(since()).not.toContain(reply);
  });
});

describe("a control message that the coordinator did not sign for this node", () => {
  async function command(subject: string, signed: Uint8Array): Promise<string> {
    // A node may answer below its own name only.
    const reply = `mesh.up.${ownerOf(subject)}.answer.${crossed.length}`;
    const options = { timeout: 5_000, noMux: true, reply };
    const answer = await intruder.connection.request(subject, signed, options);
    return DispatchReply.decode(answer.data).problems[0]?.code ?? "";
  }

  /** Of the process that runs now, as its heartbeats tell everyone on the bus. */
  async function dispatchSubject(node: string): Promise<string> {
    const from = crossed.length;
    const beat = subjects.up(node, "heartbeat");
    const heard = await vi.waitUntil(
      () => crossed.slice(from).find(({ subject }) => subject === beat),
      { timeout: 15_000 },
    );
    return subjects.dispatch(node, Heartbeat.decode(heard.data).instance);
  }

  const stranger = sodium.crypto_sign_keypair();
  const forge = (subject: string, payload: Uint8Array) => {
    const signature = sodium.crypto_sign_detached(
      dispatchProof(subject, payload),
      stranger.privateKey,
    );
    return Signed.encode({ payload, signature }).finish();
  };

  it("is refused by the agent when another key signed it, or none (26)", async () => {
    const run = "01JD9V8Z5N4QJ9W8X7Y6Z5A4B3";
    const attempt = { run, step: "touch", instance: 0, attempt: 1 };
    const work = { $case: "run" as const, value: { shell: "sh", script: "echo forged" } };
    const dispatches = [Dispatch.encode(Dispatch.fromPartial({ attempt, work })).finish()];
    const dispatch = Dispatches.encode({ dispatches }).finish();
    const unsigned = Signed.encode({ payload: dispatch, signature: new Uint8Array(64) }).finish();
    const refused = "DISPATCH_INVALID";
    const subject = await dispatchSubject("press-02");
    expect(await command(subject, forge(subject, dispatch))).toBe(refused);
    expect(await command(subject, unsigned)).toBe(refused);
    for (const verb of ["cancel", "greet"] as const) {
      const cancel = Cancel.encode({ attempt, hard: true }).finish();
      const other = subjects.down("press-02", verb);
      expect(await command(other, forge(other, cancel))).toBe(refused);
    }
  });

  it("is refused when it is a real one for another node or verb, and not run twice (26)", async () => {
    const run = await mesh.ended(await mesh.run("touch"));
    expect(run).toMatchObject({ state: "succeeded" });
    const own = await dispatchSubject("press-01");
    const signed = crossed.find(({ subject }) => subject === own)?.data ?? new Uint8Array();
    expect(await command(await dispatchSubject("press-02"), signed)).toBe("DISPATCH_INVALID");
    expect(await command(subjects.down("press-01", "cancel"), signed)).toBe("DISPATCH_INVALID");
    const events = () => crossed.filter(({ subject }) => subject === "mesh.up.press-01.events");
    const before = events().length;
    expect(await command(own, signed)).toBe("");
    await mesh.ended(await mesh.run("touch"));
    const attempts = new Set(
      events()
        .slice(before)
        .map(({ data }) => text(data).includes(run.run)),
    );
    expect(attempts).toEqual(new Set([false]));
  });
});

interface StoredIdentity {
  readonly natsSeed: string;
  readonly enrolment: {
    readonly node: string;
    readonly userJwt: string;
    readonly rootCa: string;
    readonly servers: string[];
  };
}

function text(data: Uint8Array): string {
  return Buffer.from(data).toString("latin1");
}
