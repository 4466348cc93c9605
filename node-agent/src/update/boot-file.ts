import type { Files } from "../host.ts";

/**
 * The file "boot", which says what the next start runs. The host reads and writes it too
 * (host/update_file.h): seven lines, each a name and its words, and nothing else.
 */
export interface Boot {
  /** Version of the installed binary that all this stands over; another one takes over from it. */
  readonly base: string;
  /** SHA-256, hex, of the image that runs; null for the installed one. */
  readonly current: string | null;
  /** Of the image that is to prove itself. */
  readonly trial: string | null;
  /** Of the trial, so far. */
  readonly starts: number;
  /** That each of them has. */
  readonly confirmSeconds: number;
  /** The last image that did not prove itself: "late", "crashed" or "unusable". */
  readonly failed: { readonly image: string; readonly reason: string } | null;
}

/** Null where there is none, or none that is one. */
export function readBoot(files: Files, folder: string): Boot | null {
  const bytes = files.read(`${folder}/boot`);
  return bytes === null ? null : parseBoot(new TextDecoder().decode(bytes));
}

/** Replaces it at once and for good. */
export function writeBoot(files: Files, folder: string, boot: Boot): void {
  const { base, current, trial, starts, confirmSeconds, failed } = boot;
  const text = [
    "cohort-update 1",
    `base ${base}`,
    `current ${current ?? "-"}`,
    `trial ${trial ?? "-"}`,
    `starts ${starts}`,
    `confirm ${confirmSeconds}`,
    `failed ${failed?.image ?? "-"} ${failed?.reason ?? "-"}`,
    "",
  ].join("\n");
  files.writeAtomic(`${folder}/boot`, new TextEncoder().encode(text), 0o600);
}

export function parseBoot(text: string): Boot | null {
  const [, base, current, trial, starts, confirm, failed, reason] = form.exec(text) ?? [];
  if (base === undefined || failed === undefined || reason === undefined) return null;
  return {
    base,
    current: imageOf(current),
    trial: imageOf(trial),
    starts: Number(starts),
    confirmSeconds: Number(confirm),
    failed: failed === "-" ? null : { image: failed, reason },
  };
}

const image = "(-|[0-9a-f]{64})";
const count = "(0|[1-9][0-9]{0,6})";
const form = new RegExp(
  [
    "^cohort-update 1",
    "base ([A-Za-z0-9.-]{1,64})",
    `current ${image}`,
    `trial ${image}`,
    `starts ${count}`,
    `confirm ${count}`,
    `failed ${image} ([a-z-]{1,64})`,
    "$",
  ].join("\n"),
);

function imageOf(text: string | undefined): string | null {
  return text === undefined || text === "-" ? null : text;
}
