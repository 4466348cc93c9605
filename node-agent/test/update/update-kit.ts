import {
  FactsReply,
  FactsReport,
  Release,
  type ReleaseKey,
  ReleaseReply,
  ReleaseRequest,
  Update,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { releaseKeyProof, releaseProof } from "@cohort/proto/proof";
import { loadCrypto } from "../../node/crypto.ts";
import { toHex } from "../../src/bytes.ts";
import type { KeyPair } from "../../src/host.ts";
import type { FakeMesh } from "../kit/fake-mesh.ts";

const crypto = await loadCrypto();

/** Release keys by number; each but the first is signed by the one before. */
export const keyPair = (number: number): KeyPair =>
  crypto.signKeyPair(new Uint8Array(32).fill(100 + number));

export function chain(count: number, signer = (at: number) => keyPair(at - 1)): ReleaseKey[] {
  return Array.from({ length: count }, (_, at) => {
    const key = keyPair(at).publicKey;
    const signature =
      at === 0 ? new Uint8Array(0) : crypto.sign(releaseKeyProof(key), signer(at).secretKey);
    return { key, signature };
  });
}

/** As large as three pieces. */
export const image = Uint8Array.from(
  { length: limits.releasePieceBytesMax * 2 + 1000 },
  (_, at) => (at * 7919) >> 3,
);
export const imageName = toHex(crypto.sha256(image));

export interface UpdateFields {
  readonly rollout?: string;
  readonly release?: Partial<Release>;
  readonly signer?: KeyPair;
  readonly keys?: ReleaseKey[];
  readonly update?: Partial<Update>;
}

/** 2.0.0, signed by the first key. */
export function updateOf(fields: UpdateFields = {}): Update {
  const { rollout = "01A", signer = keyPair(0), keys = chain(1) } = fields;
  const said = { version: "2.0.0", arch: "x86_64", size: image.length, floor: "" };
  const release = { ...said, sha256: crypto.sha256(image), ...fields.release };
  const payload = Release.encode(release).finish();
  const signature = crypto.sign(releaseProof(payload), signer.secretKey);
  return Update.fromPartial({
    rollout,
    release: { payload, signature },
    keys: { keys },
    confirmMs: 30_000,
    ...fields.update,
  });
}

export function tell(mesh: FakeMesh, update: Update, keys = mesh.keys) {
  const subject = `mesh.down.${mesh.node}.update`;
  return mesh.send(subject, mesh.sign(subject, Update.encode(update).finish(), keys));
}

/** Serves the image, and takes reports; what was asked and told. */
export function serve(mesh: FakeMesh, bytes = image) {
  const offsets: number[] = [];
  const reports: FactsReport[] = [];
  mesh.answers.set("release", async (request) => {
    const { offset } = ReleaseRequest.decode(request);
    offsets.push(offset);
    const data = bytes.subarray(offset, offset + limits.releasePieceBytesMax);
    return ReleaseReply.encode({ problems: [], data }).finish();
  });
  mesh.answers.set("facts", async (report) => {
    reports.push(FactsReport.decode(report));
    return FactsReply.encode({ problems: [] }).finish();
  });
  return { offsets, reports };
}
