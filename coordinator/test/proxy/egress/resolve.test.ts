import { beforeEach, describe, expect, it } from "vitest";
import {
  admittedAddresses,
  ownAddresses,
  type Resolve,
  sparing,
  systemResolver,
} from "../../../src/proxy/egress/resolve.ts";
import { targetOf } from "../../../src/proxy/egress/target.ts";
import { proxyLimits } from "../../../src/proxy/limits.ts";

function admitted(
  baseUrl: string,
  granted: string[],
  answers: string[] | Error,
  own: string[] = [],
) {
  const resolve = async () => {
    if (answers instanceof Error) throw answers;
    return answers;
  };
  return admittedAddresses(targetOf(baseUrl), granted, resolve, own);
}

const denied = expect.objectContaining({ code: "EGRESS_DENIED" });
const unreachable = expect.objectContaining({ code: "UPSTREAM_UNREACHABLE" });
const loopback = ["127.0.0.1/32", "::1/128"];

describe("admittedAddresses", () => {
  it("keeps public answers in the resolver's order", async () => {
    const answers = ["2606:4700::1", "1.1.1.1"];
    expect(await admitted("https://api.example", [], answers)).toEqual(answers);
  });

  // Attacks 35 to 37: whatever made the name point inside, the answer is what is judged.
  it.each([
    [["1.1.1.1", "127.0.0.1"]],
    [["10.0.0.1"]],
    [["2606:4700::1", "::ffff:10.0.0.1"]],
    [["1.1.1.1", "nonsense"]],
  ])("refuses all of %j for one bad answer", async (answers) => {
    await expect(admitted("https://api.example", [], answers)).rejects.toEqual(denied);
  });

  it("takes granted and public answers side by side, and no third kind", async () => {
    const answers = ["::1", "127.0.0.1", "1.1.1.1"];
    expect(await admitted("https://localhost", loopback, answers)).toEqual(answers);
    await expect(admitted("https://localhost", loopback, [...answers, "10.0.0.1"])).rejects.toEqual(
      denied,
    );
    await expect(admitted("https://localhost", ["127.0.0.1/32"], answers)).rejects.toEqual(denied);
  });

  it("refuses an address as host, public or not, unless the service was given it", async () => {
    await expect(admitted("https://1.1.1.1", [], [])).rejects.toEqual(denied);
    await expect(admitted("https://127.0.0.1", [], [])).rejects.toEqual(denied);
    await expect(admitted("https://169.254.169.254", ["0.0.0.0/0"], [])).rejects.toEqual(denied);
    expect(await admitted("https://127.0.0.1", loopback, [])).toEqual(["127.0.0.1"]);
    expect(await admitted("https://1.1.1.1", ["1.1.1.0/24"], [])).toEqual(["1.1.1.1"]);
  });

  it("refuses this machine's own addresses", async () => {
    await expect(admitted("https://api.example", [], ["1.1.1.1"], ["1.1.1.1"])).rejects.toEqual(
      denied,
    );
  });

  it("is UPSTREAM_UNREACHABLE for a name without addresses, or with absurdly many", async () => {
    const many = Array.from({ length: 100 }, (_, last) => `1.1.1.${last}`);
    await expect(admitted("https://api.example", [], [])).rejects.toEqual(unreachable);
    await expect(admitted("https://api.example", [], many)).rejects.toEqual(unreachable);
    await expect(admitted("https://api.example", [], new Error("ENOTFOUND"))).rejects.toEqual(
      unreachable,
    );
  });
});

describe("systemResolver", () => {
  it("asks the system", async () => {
    expect(await systemResolver()("localhost")).toContain("127.0.0.1");
  });
});

describe("sparing", () => {
  let asked: string[];
  let nowMs: number;
  let answers: () => Promise<readonly string[]>;
  let resolve: Resolve;
  beforeEach(() => {
    asked = [];
    nowMs = 0;
    answers = async () => ["1.1.1.1"];
    resolve = sparing(
      (host) => {
        asked.push(host);
        return answers();
      },
      () => nowMs,
    );
  });

  it("looks a host up once for all who ask while that takes, however long", async () => {
    let answer = (_: readonly string[]) => {};
    answers = () =>
      new Promise((done) => {
        answer = done;
      });
    const first = resolve("slow.example");
    nowMs = 1e6;
    const second = resolve("slow.example");
    answer(["1.1.1.1"]);
    expect(await Promise.all([first, second])).toEqual([["1.1.1.1"], ["1.1.1.1"]]);
    expect(asked).toEqual(["slow.example"]);
  });

  it("lets an answer stand for a moment, and looks for what is true by then", async () => {
    expect(await resolve("api.example")).toEqual(["1.1.1.1"]);
    answers = async () => ["2.2.2.2"];
    nowMs = proxyLimits.lookupMs - 1;
    expect(await resolve("api.example")).toEqual(["1.1.1.1"]);
    nowMs = proxyLimits.lookupMs;
    expect(await resolve("api.example")).toEqual(["2.2.2.2"]);
    expect(asked).toEqual(["api.example", "api.example"]);
  });

  it("asks no more for a host that has none, for a while, however often it is called (49)", async () => {
    answers = async () => {
      throw new Error("no such host");
    };
    const fails = (host: string) => expect(resolve(host)).rejects.toThrow("no such host");
    for (let count = 0; count < 100; count++) await fails("gone.example");
    await fails("other.example");
    expect(asked).toEqual(["gone.example", "other.example"]);
    nowMs = proxyLimits.lookupFailureMs;
    await fails("gone.example");
    expect(asked).toEqual(["gone.example", "other.example", "gone.example"]);
  });

  it("remembers so many hosts and no more", async () => {
    const hosts = Array.from({ length: proxyLimits.lookupsMax + 1 }, (_, at) => `h${at}`);
    for (const host of hosts) await resolve(host);
    await resolve(hosts.at(-1) ?? "");
    expect(asked).toHaveLength(hosts.length);
    await resolve("h0");
    expect(asked).toHaveLength(hosts.length + 1);
  });
});

describe("ownAddresses", () => {
  it("has the loopback address, as every machine does", () => {
    expect(ownAddresses()()).toContain("127.0.0.1");
  });
});
