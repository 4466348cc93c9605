import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ledgerEntries } from "../kit/ledger-entries.ts";
import { TestMesh } from "../kit/mesh.ts";
import { runSteps } from "../kit/step-runs.ts";
import { Board, hostAddress } from "./kit/board.ts";
import { joinBoard } from "./kit/board-agent.ts";
import { boardProgram } from "./kit/board-program.ts";
import { bootMsMax } from "./kit/prove-board.ts";

const arch = "arm64";

/**
 * Devices under the kernel's own drivers: a USB bridge to I2C with pins, which a program on the board
 * plays, and before it the kernel as on any board.
 */
describe("devices of a board", { timeout: 180_000 }, () => {
  let mesh: TestMesh;
  let board: Board;
  let chip = "";
  let bus = "";

  beforeAll(async () => {
    mesh = await TestMesh.start({ hosts: [hostAddress] });
    const modules = ["uhid", "i2c-dev", "hid-mcp2221"];
    const files = [await boardProgram(arch, "mcp2221")];
    board = await Board.start({ arch, name: "board-01", modules, files });
    await board.sh("setsid mcp2221 >/run/chip.log 2>&1 &");
    await mesh.until(async () => {
      await board.sh("grep -l mcp2221 /sys/bus/iio/devices/*/name");
      return true;
    }, 60_000);
    const find = (where: string) => board.sh(`for it in ${where}; do echo "\${it##*/}"; done`);
    chip = (await find("/sys/bus/hid/devices/*:04D8:00DD.*/gpiochip*")).trim();
    bus = (await find("/sys/bus/hid/devices/*:04D8:00DD.*/i2c-*")).trim();
    await joinBoard(mesh, board);
    const grant = async (...argv: string[]) => {
      expect((await mesh.cohort("node", "grant", "board-01", ...argv)).stderr).toBe("");
    };
    await grant(`gpio:${chip}`, "--access", "actuate", "--lines", "0,2");
    await grant(`i2c:${bus}`, "--access", "actuate");
  }, bootMsMax);

  afterAll(async () => {
    await board?.stop();
    await mesh?.stop();
  });

  const script = (grants: string, body: string) => `
  - id: use
    grants: { devices: [${grants}] }
    script: |
      export default async ({ device }) => {
        const refused = (work) => work.then(() => "done", (error) => error.code);
        ${body}
      };
`;
  const drive = (device: string) => `{ device: "${device}", access: actuate }`;

  it("are GPIO lines: read as they are, driven, and no others than were granted", async () => {
    const { output, run } = await runSteps(
      mesh,
      script(
        drive(`gpio:${chip}`),
        `const chip = device.gpio("${chip}");
        const before = await chip.line(2).read();
        await chip.line(2).write(1);
        const after = await chip.line(2).read();
        await chip.line(2).write(0);
        return [before, after, await chip.line(2).read(), await refused(chip.line(3).read())];`,
      ),
    );
    expect(run.reason).toBe("");
    expect(output("use")).toEqual([0, 1, 0, "GRANT_MISSING"]);
  });

  it("are chips on an I2C bus: registers, writes, and an address that nobody has", async () => {
    const { output, run } = await runSteps(
      mesh,
      script(
        drive(`i2c:${bus}`),
        `const chip = device.i2c("${bus}", 0x48);
        const before = [...await chip.read(2, { register: 4 })];
        await chip.write([4, 0xaa, 0xbb]);
        const after = [...await chip.transfer([4], 2)];
        return [before, after, await refused(device.i2c("${bus}", 0x49).read(1))];`,
      ),
    );
    expect(run.reason).toBe("");
    expect(output("use")).toEqual([[0x14, 0x15], [0xaa, 0xbb], "DEVICE_FAILED"]);
    expect(await board.sh("cat /run/chip.log")).toContain("wrote aa bb at 4");
  });

  it("have each thing that was written to them in the ledger", async () => {
    const written = (await ledgerEntries(mesh)).flatMap(({ event }) =>
      event?.$case === "deviceActuated" ? [event.value.actuated] : [],
    );
    expect(
      written.map((it) => `${it?.device} ${it?.operation} ${it?.target} ${it?.bytes}`),
    ).toEqual([
      `gpio:${chip} write line 2 1`,
      `gpio:${chip} write line 2 1`,
      `i2c:${bus} write address 0x48 3`,
      `i2c:${bus} transfer address 0x48 1`,
    ]);
  });
});
