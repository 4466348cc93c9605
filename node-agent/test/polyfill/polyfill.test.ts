import { describe, expect, it } from "vitest";
import { SmallAbortController } from "../../src/polyfill/abort.ts";
import { HostPortUrl } from "../../src/polyfill/url.ts";

describe("the small URL", () => {
  it.each(["http://a.example:4222", "https://10.0.0.1:80", "http://[::1]:4222", "http://host"])(
    "takes %s apart as the whole one does",
    (text) => {
      const whole = new URL(text);
      const small = new HostPortUrl(text);
      whole.port = "4443";
      small.port = "4443";
      expect([small.hostname, small.port, small.host]).toEqual([
        whole.hostname,
        whole.port,
        whole.host,
      ]);
    },
  );

  it.each([
    "http://",
    "ftp://a",
    "http://a@b:1",
    "http://a/b",
    "http://a:b",
    "http://a b",
    "http://a#",
  ])("refuses %s", (text) => expect(() => new HostPortUrl(text)).toThrow(TypeError));
});

describe("the small AbortController", () => {
  it("tells each listener once, but not those that went", () => {
    const controller = new SmallAbortController();
    const told: string[] = [];
    const gone = () => told.push("gone");
    controller.signal.addEventListener("abort", () => told.push("first"));
    controller.signal.addEventListener("abort", gone);
    controller.signal.removeEventListener("abort", gone);
    controller.abort();
    controller.abort();
    expect(told).toEqual(["first"]);
    expect(controller.signal.aborted).toBe(true);
  });
});
