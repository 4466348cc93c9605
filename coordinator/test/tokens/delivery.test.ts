import { Dispatch, SignedToken, TokenDelivery } from "@cohort/proto/gen/cohort/node";
import { dispatchProof, tokenProof } from "@cohort/proto/proof";
import { subjects } from "@cohort/proto/subjects";
import { describe, expect, it } from "vitest";
import { checkBoxKey, sealDelivery } from "../../src/tokens/delivery.ts";
import { createDispatchSigner, signDispatch } from "../../src/tokens/signing.ts";
import { sodium } from "../../src/vault/sodium.ts";
import { attempt, claims, hex, signer, token } from "./samples.ts";

interface BoxKeys {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

const node = sodium.crypto_box_keypair();
const otherNode = sodium.crypto_box_keypair();
const { expiresMs } = claims;
const sealed = sealDelivery({ token, boxKey: node.publicKey, attempt, expiresMs, signer });

describe("the delivery of a token", () => {
  it("is read by its node, which knows from whom and for whom it is", () => {
    expect(receive(sealed, node)).toEqual({
      signed: true,
      mine: true,
      delivery: { token, recipient: node.publicKey, attempt, expiresMs },
    });
  });

  it("is read by no other node, nor when a bit of it is changed", () => {
    expect(() => receive(sealed, otherNode)).toThrow();
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] as number) ^ 1;
      expect(() => receive(changed, node)).toThrow();
    }
  });

  it("names the wrong recipient when a node seals it again to another (attack 16)", () => {
    const stolen = sodium.crypto_box_seal(open(sealed, node), otherNode.publicKey);
    expect(receive(stolen, otherNode)).toMatchObject({ signed: true, mine: false });
  });

  it("is not signed by the coordinator when its recipient was exchanged", () => {
    const { payload } = SignedToken.decode(open(sealed, node));
    const delivery = { ...TokenDelivery.decode(payload), recipient: otherNode.publicKey };
    const forged = TokenDelivery.encode(delivery).finish();
    const { signature } = SignedToken.decode(open(sealed, node));
    const forger = createDispatchSigner(new Uint8Array(32).fill(6));
    for (const by of [signature, forger.sign(tokenProof(forged)), signer.sign(forged)]) {
      const box = SignedToken.encode({ payload: forged, signature: by }).finish();
      const resealed = sodium.crypto_box_seal(box, otherNode.publicKey);
      expect(receive(resealed, otherNode)).toMatchObject({ signed: false, mine: true });
    }
  });

  /** The points of low order on Curve25519 and its twist (RFC 7748 §6.1 says why to refuse them). */
  const lowOrder = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ].map(hex);

  it("is never sealed to a key of low order, with its top bit set or not (attack 14)", () => {
    const refused = expect.objectContaining({ code: "ENROL_PROOF_INVALID" });
    for (const point of lowOrder) {
      const topBit = Uint8Array.from(point);
      topBit[31] = (topBit[31] as number) | 0x80;
      for (const boxKey of [point, topBit]) {
        expect(() => sealDelivery({ token, boxKey, attempt, expiresMs, signer })).toThrow(refused);
        expect(() => checkBoxKey(boxKey)).toThrow(refused);
      }
    }
    for (const length of [0, 31, 33]) {
      expect(() => checkBoxKey(new Uint8Array(length).fill(9))).toThrow(refused);
    }
    expect(() => checkBoxKey(node.publicKey)).not.toThrow();
  });
});

describe("the dispatch signer", () => {
  const payload = Dispatch.encode(Dispatch.fromPartial({ attempt, workflow: "press" })).finish();
  const subject = subjects.dispatch("press-1", "AbCd-_12");

  it("signs a dispatch for one node, verb and life of its process alone", () => {
    const signed = signDispatch(signer, subject, payload);
    const verifies = (on: string, bytes: Uint8Array) =>
      sodium.crypto_sign_verify_detached(
        signed.signature,
        dispatchProof(on, bytes),
        signer.publicKey,
      );
    expect(signed.payload).toEqual(payload);
    expect(verifies(subject, payload)).toBe(true);
    expect(verifies(subjects.dispatch("press-2", "AbCd-_12"), payload)).toBe(false);
    expect(verifies(subjects.down("press-1", "cancel"), payload)).toBe(false);
    expect(verifies(subjects.dispatch("press-1", "another1"), payload)).toBe(false);
    expect(verifies(subject, payload.slice(1))).toBe(false);
  });

  it("makes no signature that passes for a token's", () => {
    const { signature } = signDispatch(signer, subject, payload);
    const asToken = sodium.crypto_sign_verify_detached(
      signature,
      tokenProof(payload),
      signer.publicKey,
    );
    expect(asToken).toBe(false);
  });
});

/** What a node makes of a sealed token. */
function receive(box: Uint8Array, keys: BoxKeys) {
  const { payload, signature } = SignedToken.decode(open(box, keys));
  const delivery = TokenDelivery.decode(payload);
  return {
    signed: sodium.crypto_sign_verify_detached(signature, tokenProof(payload), signer.publicKey),
    mine: sodium.memcmp(delivery.recipient, keys.publicKey),
    delivery: { ...delivery, recipient: new Uint8Array(delivery.recipient) },
  };
}

function open(box: Uint8Array, keys: BoxKeys): Uint8Array {
  return sodium.crypto_box_seal_open(box, keys.publicKey, keys.privateKey);
}
