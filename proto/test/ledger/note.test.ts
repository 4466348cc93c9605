import {
  openCheckpoint,
  parseCheckpointBody,
  signCheckpoint,
} from "@cohort/proto/ledger/checkpoint";
import { encodeVerifierKey, openNote, parseVerifierKey, signNote } from "@cohort/proto/ledger/note";
import { describe, expect, it } from "vitest";
import { crypto, newSigner, sha256 } from "./reference.ts";

/** The example of the specification. */
const exampleKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const exampleText =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const exampleNote = `${exampleText}
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

const refused = expect.objectContaining({ code: "LEDGER_INVALID" });

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("openNote", () => {
  it("opens the specification's example with the specification's key", () => {
    expect(openNote(exampleNote, parseVerifierKey(exampleKey, sha256), crypto)).toBe(exampleText);
  });

  it("refuses every single-character change of the text", () => {
    const key = parseVerifierKey(exampleKey, sha256);
    for (let at = 0; at < exampleText.length; at += 1) {
      const changed = `${exampleNote.slice(0, at)}~${exampleNote.slice(at + 1)}`;
      expect(thrownBy(() => openNote(changed, key, crypto))).toEqual(refused);
    }
  });

  it("passes over signatures of other keys, and refuses a note that only they signed", () => {
    const [ours, other] = [newSigner("ours.example"), newSigner("other.example")];
    const text = "a\n1\n";
    const oursNote = signNote(text, ours, sha256);
    const otherLine = signNote(text, other, sha256).slice(text.length + 1);
    const both = oursNote.replace("\n\n", `\n\n${otherLine}`);
    expect(openNote(both, ours, crypto)).toBe(text);
    expect(thrownBy(() => openNote(oursNote, other, crypto))).toEqual(refused);
  });

  it("refuses another key that carries the same name", () => {
    const note = signNote("text\n", newSigner("same"), sha256);
    expect(thrownBy(() => openNote(note, newSigner("same"), crypto))).toEqual(refused);
  });

  it.each([
    "",
    "\n",
    "text\n",
    "text\n\n",
    "text\n\n— name\n",
    "text\n\n— name !!!\n",
    "te\u0000xt\n\n— n AAAAAAA=\n",
  ])("refuses %j, which is no note", (note) => {
    expect(thrownBy(() => openNote(note, newSigner("name"), crypto))).toEqual(refused);
  });
});

describe("verifier keys", () => {
  it("survive encoding and parsing", () => {
    const { name, publicKey } = newSigner("mesh.example/ledger");
    const text = encodeVerifierKey({ name, publicKey }, sha256);
    expect(parseVerifierKey(text, sha256)).toEqual({ name, publicKey });
  });

  it.each([
    "",
    "name",
    exampleKey.replace("c74f20a3", "c74f20a4"),
    exampleKey.replace("Peter", "Petra"),
    exampleKey.replace("+ARpc", "+AhpC"),
    `${exampleKey}AA`,
  ])("are refused when malformed: %j", (text) => {
    expect(thrownBy(() => parseVerifierKey(text, sha256))).toEqual(refused);
  });
});

describe("checkpoints", () => {
  it("survive signing and opening", () => {
    const signer = newSigner("mesh.example");
    const tree = { size: 42, root: sha256(new Uint8Array(1)) };
    const note = signCheckpoint(tree, signer, sha256);
    expect(note.startsWith("mesh.example\n42\n")).toBe(true);
    expect(openCheckpoint(note, signer, crypto)).toEqual({ origin: "mesh.example", ...tree });
  });

  it("of another log are refused, though the key signed them", () => {
    const signer = newSigner("mesh.example");
    const root = Buffer.alloc(32).toString("base64");
    const note = signNote(`other.example\n1\n${root}\n`, signer, sha256);
    expect(thrownBy(() => openCheckpoint(note, signer, crypto))).toEqual(refused);
  });

  it.each([
    "o\n",
    "o\n01\nAAAA\n",
    `o\n-1\n${"A".repeat(43)}=\n`,
    `o\n99999999999999999999\n${"A".repeat(43)}=\n`,
    `\n1\n${"A".repeat(43)}=\n`,
  ])("are refused when malformed: %j", (text) => {
    expect(thrownBy(() => parseCheckpointBody(text))).toEqual(refused);
  });
});
