import {
  createHash,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import {
  EnrolReply,
  EnrolRequest,
  Heartbeat,
  Hello,
  HelloReply,
  SessionReply,
} from "@cohort/proto/gen/cohort/node";
import { decodeJoinToken, type JoinToken } from "@cohort/proto/join-token";
import { CohortError } from "@cohort/proto/problem";
import { enrolProof, helloProof } from "@cohort/proto/proof";
import { subjects } from "@cohort/proto/subjects";
import { createUser, fromSeed } from "@nats-io/nkeys";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { emptyCatalogue } from "../../src/catalogue/catalogue.ts";
import { decideSilence } from "../../src/fleet/decide-presence.ts";
import { applyFleet, emptyFleet, type FleetState } from "../../src/fleet/fleet.ts";
import { createCredentials } from "../../src/mesh/credentials.ts";
import { createInviter, type InviteNode } from "../../src/mesh/invitation.ts";
import { createMembership, type DecideFleet } from "../../src/mesh/membership.ts";
import type { Mesh } from "../../src/mesh/mesh.ts";
import type { Presence } from "../../src/mesh/presence.ts";
import { decideWelcome } from "../../src/scheduler/decide-welcome.ts";
import { emptyRuns } from "../../src/scheduler/runs.ts";
import type { Event } from "../../src/state/event.ts";
import { joinBus } from "./bus-client.ts";
import { facts } from "./messages.ts";
import { startNatsServer, type TestNatsServer } from "./nats-server.ts";
import { rawUserKey } from "./raw-key.ts";
import { joinMesh } from "./test-mesh.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

const verifies = (message: Uint8Array, signature: Uint8Array, key: Uint8Array) =>
  verify(null, message, publicKeyOf(key), signature);

let server: TestNatsServer;
let fleet: FleetState;
let recorded: Event[];
let mesh: Mesh;
let invite: InviteNode;
/** Nodes that were asked to say hello. */
let asked: string[];
const lastSeen = new Map<string, number>();
const presence: Presence = {
  seen: (node) => void lastSeen.set(node, Date.now()),
  lastSeenMs: (node) => lastSeen.get(node),
  close: () => {},
};

beforeAll(async () => {
  server = await startNatsServer();
});

afterAll(() => server?.remove());

beforeEach(async () => {
  fleet = emptyFleet();
  recorded = [];
  asked = [];
  lastSeen.clear();
  const credentials = createCredentials(server.setup.seeds.meshAccount);
  const { servers, rootFingerprint } = server.setup;
  const handlers = createMembership({
    decide,
    credentials,
    presence,
    verify: verifies,
    isBoxKey: (key) => key.some((byte) => byte !== 0),
    sha256,
    servers,
    welcome: async (name, hello) => {
      const rest = { runs: emptyRuns(), catalogue: emptyCatalogue() };
      const welcomed = await decide((it, nowMs) =>
        decideWelcome({ fleet: it, ...rest }, name, hello, {
          verify: verifies,
          nowMs,
          keyOverlapMs: 1,
        }),
      );
      if (welcomed.kind === "refused") throw new CohortError([welcomed.problem]);
      return welcomed;
    },
    nodeNamed: (name) => {
      const node = fleet.nodes.get(name);
      return node === undefined || node.state === "invited" ? null : node;
    },
    greet: async (name) => void asked.push(name),
    updateReported: async () => {},
    releaseKeysFor: () => undefined,
    now: Date.now,
    log: pino({ level: "silent" }),
  });
  ({ mesh } = await joinMesh(server.setup, handlers));
  const newUlid = () => `01JD${randomBytes(11).toString("hex").toUpperCase()}`;
  invite = createInviter({
    decide,
    credentials,
    rootFingerprint,
    coordinatorKey: new Uint8Array(32).fill(9),
    servers,
    sha256,
    randomBytes,
    newUlid,
  });
});

afterEach(() => mesh.close());

const decide: DecideFleet = async (decision) => {
  const { events, value } = decision(fleet, Date.now());
  for (const event of events) {
    recorded.push(event);
    applyFleet(fleet, { seq: recorded.length, atMs: Date.now(), event });
  }
  return value;
};

describe("a machine with a join token", () => {
  it("becomes a node: enrols, comes back with its own credential, says hello", async () => {
    const token = await tokenFor("press-1");
    const machine = newMachine();
    const reply = await enrol(token, machine);
    expect(reply).toMatchObject({ problems: [], node: "press-1", servers: server.setup.servers });
    expect(fleet.nodes.get("press-1")).toMatchObject({
      state: "disconnected",
      labels: { press: "1" },
      facts,
    });

    const greeting = await greet(reply.userJwt, machine);
    expect(greeting).toMatchObject({ problems: [], heartbeatMs: 4_000 });
    expect(greeting.userJwt).not.toBe("");
    expect(fleet.nodes.get("press-1")?.state).toBe("connected");
    expect(recorded.map((it) => it.$case)).toEqual([
      "nodeInvited",
      "nodeEnrolled",
      "nodeSessionBegun",
      "nodeGreeted",
      "nodeConnected",
    ]);
  });

  it("is admitted once, also when two use the token at the same time", async () => {
    const token = await tokenFor("press-1");
    const replies = await Promise.all([enrol(token, newMachine()), enrol(token, newMachine())]);
    expect(replies.map((it) => it.problems[0]?.code ?? "enrolled").sort()).toEqual([
      "INVITE_USED",
      "enrolled",
    ]);
    expect(recorded.filter((it) => it.$case === "nodeEnrolled")).toHaveLength(1);
    expect(recorded).toContainEqual({
      $case: "enrolRefused",
      value: { invite: token.invite, code: "INVITE_USED" },
    });
  });

  it("whose answer was lost asks again and is given it", async () => {
    const token = await tokenFor("press-1");
    const machine = newMachine();
    await enrol(token, machine);
    expect(await enrol(token, machine)).toMatchObject({ problems: [], node: "press-1" });
    expect(recorded.filter((it) => it.$case === "nodeEnrolled")).toHaveLength(1);
  });

  it("cannot use a proof made for another invite", async () => {
    const [first, second] = [await tokenFor("press-1"), await tokenFor("press-2")];
    const reply = await enrol(first, newMachine(), second.invite);
    expect(reply.problems).toMatchObject([{ code: "ENROL_PROOF_INVALID" }]);
    expect(reply.userJwt).toBe("");
  });
});

describe("a node that came back on another connection", () => {
  it("is not taken at the word of a hello that its former connection still held", async () => {
    const machine = newMachine();
    const { userJwt } = await enrol(await tokenFor("press-1"), machine);
    expect((await greet(userJwt, machine)).problems).toEqual([]);
    expect((await greet(userJwt, machine)).problems).toEqual([]);
    const late = await greet(userJwt, machine, { session: 1 });
    expect(late.problems).toMatchObject([{ code: "SESSION_OVER" }]);
    expect((await greet(userJwt, machine)).problems).toEqual([]);
  });
});

describe("a node whose keys two machines have", () => {
  it("is asked to say hello when another process sends heartbeats than was greeted", async () => {
    const machine = newMachine();
    const { userJwt } = await enrol(await tokenFor("press-1"), machine);
    await greet(userJwt, machine);
    const { connection } = await joinBus(server.setup, {
      owner: "press-1",
      jwt: userJwt,
      seed: machine.seed,
    });
    connection.publish(subjects.up("press-1", "heartbeat"), beatOf("process1"));
    connection.publish(subjects.up("press-1", "heartbeat"), beatOf("process2"));
    connection.publish(subjects.up("press-1", "heartbeat"), beatOf("process2"));
    await vi.waitUntil(() => asked.length > 0);
    expect(asked).toEqual(["press-1"]);
    await connection.close();
  });

  it("is quarantined when the first says hello after the second, and neither is heard", async () => {
    const machine = newMachine();
    const { userJwt } = await enrol(await tokenFor("press-1"), machine);
    for (const instance of ["process1", "process2"]) {
      expect((await greet(userJwt, machine, { instance })).problems).toEqual([]);
    }
    const { problems, userJwt: renewed } = await greet(userJwt, machine);
    expect(problems).toMatchObject([{ code: "NODE_QUARANTINED" }]);
    expect(renewed).toBe("");
    const second = await greet(userJwt, machine, { instance: "process2", session: 3 });
    expect(second.problems).toMatchObject([{ code: "NODE_QUARANTINED" }]);
    expect(fleet.nodes.get("press-1")).toMatchObject({ bar: { code: "NODE_QUARANTINED" } });
  });
});

describe("a node that fell silent", () => {
  it("counts as connected again with its next heartbeat", async () => {
    const machine = newMachine();
    const { userJwt } = await enrol(await tokenFor("press-1"), machine);
    await greet(userJwt, machine);
    lastSeen.clear();
    await decide((state, nowMs) => decideSilence(state, new Map([["press-1", 0]]), nowMs));
    expect(fleet.nodes.get("press-1")?.state).toBe("disconnected");
    const { connection } = await joinBus(server.setup, {
      owner: "press-1",
      jwt: userJwt,
      seed: machine.seed,
    });
    connection.publish(subjects.up("press-1", "heartbeat"), beatOf("process1"));
    connection.publish(subjects.up("press-1", "heartbeat"), beatOf("process1"));
    await vi.waitFor(() => expect(fleet.nodes.get("press-1")?.state).toBe("connected"));
    expect(recorded.filter((it) => it.$case === "nodeConnected")).toHaveLength(2);
    await connection.close();
  });
});

interface Machine {
  readonly seed: Uint8Array;
  readonly natsKey: Uint8Array;
  readonly signKey: Uint8Array;
  readonly boxKey: Uint8Array;
  readonly privateKey: KeyObject;
}

function newMachine(): Machine {
  const user = createUser();
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return {
    seed: user.getSeed(),
    natsKey: rawUserKey(user.getPublicKey()),
    signKey: publicKey.export({ format: "der", type: "spki" }).subarray(-32),
    boxKey: randomBytes(32),
    privateKey,
  };
}

async function tokenFor(name: string): Promise<JoinToken> {
  return decodeJoinToken((await invite(name, { press: "1" }, "operator")).joinToken);
}

async function enrol(
  token: JoinToken,
  machine: Machine,
  provenFor = token.invite,
): Promise<EnrolReply> {
  const { natsKey, signKey, boxKey } = machine;
  const message = enrolProof({ invite: provenFor, natsKey, signKey, boxKey });
  const request = EnrolRequest.fromPartial({
    invite: provenFor,
    secret: Buffer.from(token.secret, "base64url"),
    natsKey,
    signKey,
    boxKey,
    proof: sign(null, message, machine.privateKey),
    natsProof: fromSeed(machine.seed).sign(message),
    facts,
  });
  const seed = new TextEncoder().encode(token.userSeed);
  const { connection } = await joinBus(server.setup, {
    owner: token.invite,
    jwt: token.userJwt,
    seed,
  });
  const { data } = await connection.request(
    subjects.enrol(token.invite),
    EnrolRequest.encode(request).finish(),
  );
  await connection.close();
  return EnrolReply.decode(data);
}

function beatOf(instance: string): Uint8Array {
  return Heartbeat.encode({ running: 0, uptimeMs: 0, instance }).finish();
}

async function greet(
  jwt: string,
  { seed, privateKey }: Machine,
  {
    session,
    instance = "process1",
  }: { readonly session?: number; readonly instance?: string } = {},
): Promise<HelloReply> {
  const { connection } = await joinBus(server.setup, { owner: "press-1", jwt, seed });
  const begin = async () =>
    SessionReply.decode((await connection.request(subjects.up("press-1", "session"))).data).session;
  const number = session ?? (await begin());
  const message = helloProof({ node: "press-1", session: number, instance });
  const proof = sign(null, message, privateKey);
  const payload = Hello.encode(
    Hello.fromPartial({ facts, inventory: [], session: number, instance, proof }),
  ).finish();
  const { data } = await connection.request(subjects.up("press-1", "hello"), payload);
  await connection.close();
  return HelloReply.decode(data);
}

function publicKeyOf(raw: Uint8Array) {
  const key = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]);
  return { key, format: "der", type: "spki" } as const;
}
