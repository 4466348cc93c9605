import { describe, expect, it } from "vitest";
import { openCheckpoint, signCheckpoint } from "../../src/ledger/checkpoint.ts";
import { cosign, encodeCosignerKey, openCosignature } from "../../src/ledger/cosignature.ts";
import { crypto, newSigner, sha256 } from "./reference.ts";

const log = newSigner("cohort/mesh");
const witness = newSigner("cohort/mesh/press-1");
const note = signCheckpoint({ size: 3, root: new Uint8Array(32).fill(1) }, log, sha256);
const cosigned = cosign(note, witness, 1_700_000_000_999, sha256);

describe("a cosignature", () => {
  it("says who saw the checkpoint, and when, beside the log's own signature", () => {
    expect(openCosignature(cosigned, witness, crypto)).toBe(1_700_000_000_000);
    expect(openCheckpoint(cosigned, log, crypto)).toMatchObject({ size: 3 });
    expect(cosigned.startsWith(note)).toBe(true);
    expect(encodeCosignerKey(witness, sha256)).toMatch(/^cohort\/mesh\/press-1\+[0-9a-f]{8}\+B/);
  });

  it("is not the log's signature, nor is that one", () => {
    expect(() => openCheckpoint(cosigned, { ...witness }, crypto)).toThrow(/not signed/);
    expect(() => openCosignature(note, log, crypto)).toThrow("not cosigned");
  });

  it.each([
    ["another key of the same name", cosigned, newSigner(witness.name)],
    ["another name", cosigned, { ...witness, name: "cohort/mesh/press-2" }],
    ["another size", cosigned.replace("\n3\n", "\n4\n"), witness],
    ["no signature", note, witness],
    ["another time", changed(), witness],
  ])("with %s is none", (_, text, key) => {
    expect(() => openCosignature(text, key, crypto)).toThrow(
      expect.objectContaining({ code: "LEDGER_INVALID" }),
    );
  });
});

/** The last bits of its time are others. */
function changed(): string {
  const lines = cosigned.trimEnd().split("\n");
  const [dash, name, base64 = ""] = (lines.pop() ?? "").split(" ");
  const bytes = Buffer.from(base64, "base64");
  bytes.writeUInt8(bytes.readUInt8(11) ^ 1, 11);
  return `${[...lines, [dash, name, bytes.toString("base64")].join(" ")].join("\n")}\n`;
}
