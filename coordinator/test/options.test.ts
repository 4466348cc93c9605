import { describe, expect, it } from "vitest";
import { parseOptions } from "../src/options.ts";

const init = [
  ...["init", "--data", "d", "--vault-key-file", "v", "--nats-port", "1", "--console-port", "2"],
  ...["--operator-context", "o", "--approver-context", "a", "--gateway-context", "g"],
];

describe("the coordinator's options", () => {
  it("leave the retention of history as it is, or say it anew", () => {
    expect(parseOptions(init)).toMatchObject({ history: {} });
    const argv = [...init, "--history-max-age", "1d12h", "--history-max-runs", "2000"];
    expect(parseOptions(argv)).toMatchObject({
      history: { maxAgeMs: 36 * 60 * 60_000, maxRuns: 2000 },
    });
  });

  it("say how long the ledger keeps payloads, or that it does for ever", () => {
    const history = (age: string) => parseOptions([...init, "--ledger-payload-max-age", age]);
    expect(history("90d")).toMatchObject({ history: { payloadMaxAgeMs: 90 * 24 * 60 * 60_000 } });
    expect(history("forever")).toMatchObject({ history: { payloadMaxAgeMs: null } });
  });

  it.each([
    ["--history-max-age", "30"],
    ["--history-max-age", "0d"],
    ["--history-max-runs", "0"],
    ["--history-max-runs", "many"],
    ["--history-max-runs", "1.5"],
    ["--history-max-runs", ""],
    ["--ledger-payload-max-age", "90"],
    ["--ledger-payload-max-age", "0s"],
    ["--ledger-payload-max-age", "for ever"],
    ["--ledger-payload-max-age", ""],
  ])("refuse %s %s", (name, value) => {
    expect(() => parseOptions([...init, name, value])).toThrow(name);
  });

  it("name the machine's key once: a file, or a credential of systemd's", () => {
    expect(parseOptions(init)).toMatchObject({ machineKey: { file: "v" } });
    const run = ["run", "--data", "d"];
    expect(parseOptions([...run, "--vault-credential", "c"])).toMatchObject({
      machineKey: { credential: "c" },
    });
    expect(() => parseOptions(run)).toThrow("--vault-key-file");
    expect(() => parseOptions([...run, "--vault-credential", ""])).toThrow("--vault-credential");
    const both = [...run, "--vault-key-file", "v", "--vault-credential", "c"];
    expect(() => parseOptions(both)).toThrow("one key");
  });
});
