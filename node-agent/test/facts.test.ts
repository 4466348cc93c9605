import { limits } from "@cohort/proto/limits";
import { describe, expect, it } from "vitest";
import { isNews, nodeFacts } from "../src/facts.ts";
import type { Files } from "../src/host.ts";
import { testHost } from "./kit/node.ts";

const minute = 60_000;
const nothing = async () => undefined;

/** Facts of a machine whose files are these. */
async function factsWith(contents: Readonly<Record<string, string>>, rest: Partial<Files> = {}) {
  const host = await testHost(nothing);
  const files: Files = {
    ...host.files,
    read: (path) => (path in contents ? new TextEncoder().encode(contents[path]) : null),
    list: (folder) => [
      ...new Set(
        Object.keys(contents)
          .filter((path) => path.startsWith(`${folder}/`))
          .map((path) => path.slice(folder.length + 1).split("/")[0] as string),
      ),
    ],
    space: () => ({ sizeBytes: 1000, freeBytes: 400 }),
    ...rest,
  };
  return nodeFacts({ ...host, files }, 2, "/data", "");
}

describe("what a node says of its machine", () => {
  it("holds the hottest zone, the disk with its data, and the models in its folder", async () => {
    const facts = await factsWith({
      "/sys/class/thermal/thermal_zone0/temp": "41500\n",
      "/sys/class/thermal/thermal_zone1/temp": "62400\n",
      "/sys/class/thermal/cooling_device0/temp": "99000\n",
      "/data/models/llama-3.2-1b.gguf": "",
      "/data/models/.hidden": "",
      "/data/models/evil\u202e": "",
    });
    expect(facts).toMatchObject({
      temperatureCelsius: 62,
      diskBytes: 1000,
      diskFreeBytes: 400,
      models: ["llama-3.2-1b.gguf"],
      slots: 2,
    });
  });

  it("leaves out what the machine does not give", async () => {
    const refused = () => {
      throw new Error("EACCES");
    };
    const facts = await factsWith(
      { "/sys/class/thermal/thermal_zone0/temp": "broken" },
      { space: refused },
    );
    expect(facts).toMatchObject({ models: [], devices: [], diskBytes: 0, diskFreeBytes: 0 });
    expect(facts.temperatureCelsius).toBeUndefined();
  });

  it("names so many models at most", async () => {
    const many = Array.from({ length: 100 }, (_, at) => [`/data/models/m${at}`, ""]);
    expect((await factsWith(Object.fromEntries(many))).models).toHaveLength(limits.modelsMax);
  });
});

describe("news of a machine", () => {
  it("is told of at once where it does not move by itself", async () => {
    const before = await factsWith({});
    expect(isNews(before, { ...before, devices: ["gpio:gpiochip0"] }, 0)).toBe(true);
    expect(isNews(before, { ...before }, 60 * minute)).toBe(false);
  });

  it("is told of seldom, and by large steps, where it does", async () => {
    const before = { ...(await factsWith({})), temperatureCelsius: 50 };
    const hotter = { ...before, temperatureCelsius: 55 };
    expect(isNews(before, hotter, 4 * minute)).toBe(false);
    expect(isNews(before, hotter, 6 * minute)).toBe(true);
    expect(isNews(before, { ...before, temperatureCelsius: 54 }, 60 * minute)).toBe(false);
    expect(isNews(before, { ...before, temperatureCelsius: undefined }, 6 * minute)).toBe(true);
    expect(isNews(before, { ...before, diskFreeBytes: 330 }, 6 * minute)).toBe(true);
    expect(isNews(before, { ...before, diskFreeBytes: 350 }, 60 * minute)).toBe(false);
  });
});
