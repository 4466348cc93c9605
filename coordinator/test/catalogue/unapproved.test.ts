import { Facts } from "@cohort/proto/gen/cohort/node";
import { describe, expect, it } from "vitest";
import { decideGrant } from "../../src/fleet/decide-devices.ts";
import { catalogueWriter } from "./catalogue-writer.ts";

const chip = "gpio:gpiochip0";
const drive = (rest = "") => `kind: workflow
name: w
steps:
  - { id: ask, approve: { prompt: Sure?, roles: [operator] } }
  - { id: look, run: "true", depends: [ask] }
  - id: a
    run: "true"
    grants: { devices: ["i2c:i2c-1", { device: "${chip}", access: actuate }] }
    ${rest}
`;

/** With a node for each of these, which was granted the chip with or without a need of approval. */
async function worldOf(...requireApproval: boolean[]) {
  const world = catalogueWriter();
  for (const [at, demands] of requireApproval.entries()) {
    const node = `n${at}`;
    const key = new Uint8Array(32).fill(at);
    const facts = Facts.fromPartial({ devices: [chip] });
    const keys = { natsKey: key, signKey: key, boxKey: key };
    await world.writer.decide(() => ({
      events: [{ $case: "nodeEnrolled", value: { invite: "", node, ...keys, facts } }],
      value: undefined,
    }));
    const grant = { device: chip, access: "actuate", lines: [] };
    await world.writer.decide(({ fleet }) =>
      decideGrant(fleet, { node, grant, requireApproval: demands, actor: "ann" }),
    );
  }
  return world;
}

describe("a step that would actuate without an approval", () => {
  it("is refused at its grant where every node demands one", async () => {
    const { apply } = await worldOf(true, true);
    await expect(apply(drive())).rejects.toMatchObject({
      problems: [{ code: "ACTUATION_UNAPPROVED", line: 8, column: 38 }],
    });
  });

  it("is taken with an approval before it, directly or further up", async () => {
    const { apply } = await worldOf(true);
    expect(await apply(drive("depends: [ask]"))).toHaveLength(1);
    expect(await apply(drive("depends: [look]"))).toHaveLength(1);
  });

  it("is taken where a node lets it, or none was granted the device yet", async () => {
    expect(await (await worldOf(true, false)).apply(drive())).toHaveLength(1);
    expect(await (await worldOf()).apply(drive())).toHaveLength(1);
  });
});
