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

  it.each([
    ["--history-max-age", "30"],
    ["--history-max-age", "0d"],
    ["--history-max-runs", "0"],
    ["--history-max-runs", "many"],
    ["--history-max-runs", "1.5"],
    ["--history-max-runs", ""],
  ])("refuse %s %s", (name, value) => {
    expect(() => parseOptions([...init, name, value])).toThrow(name);
  });
});
