import { refuse } from "@cohort/proto/problem";
import { roles } from "@cohort/proto/roles";
import * as z from "zod";
import { defaultRetention } from "../history/retention.ts";
import { readText, writePrivate } from "./files.ts";
import { setupPaths } from "./paths.ts";

const role = z.enum(roles);
const port = z.int().min(1).max(65_535);
const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);

/** dataDir/config.json: what set-up decided and `run` needs. No secret. */
export const config = z.strictObject({
  version: z.literal(1),
  nats: z.strictObject({ host: z.string().min(1), port }),
  console: z.strictObject({ port }),
  /** DNS names and addresses at which nodes and operators reach the coordinator's machine. */
  hosts: z.array(z.string().min(1)).min(1),
  /** Console credentials, known by the SHA-256 of their tokens only. */
  credentials: z.array(z.strictObject({ role, tokenHash: sha256Hex })),
  /** How long finished runs, and payloads of the ledger, are kept. */
  history: z
    .strictObject({
      maxAgeMs: z.int().positive(),
      maxRuns: z.int().positive(),
      payloadMaxAgeMs: z.int().positive().nullable().default(null),
    })
    .default(defaultRetention),
});

export type Config = z.infer<typeof config>;

/** Null before the first set-up. Throws SETUP_FAILED when the file is not what set-up wrote. */
export function readConfig(dataDir: string): Config | null {
  const path = setupPaths(dataDir).config;
  const text = readText(path);
  if (text === null) return null;
  try {
    return config.parse(JSON.parse(text));
  } catch (cause) {
    throw refuse(
      "SETUP_FAILED",
      `${path} is not what set-up writes`,
      {
        hint: "Restore it from a backup, or remove it and run `cohort init` again.",
      },
      cause,
    );
  }
}

export function writeConfig(dataDir: string, value: Config): void {
  writePrivate(setupPaths(dataDir).config, `${JSON.stringify(value, null, 2)}\n`);
}
