import { parseCheckpointBody } from "@cohort/proto/ledger/checkpoint";
import { neutraliseLines } from "@cohort/proto/text";
import type { Session } from "../session.ts";
import { writeGiven } from "./ledger-files.ts";

/**
 * The tree as files that any web server may hand out: https://c2sp.org/tlog-tiles. Entries are no
 * part of it: `cohort ledger export` has them, whatever their size.
 */
export async function tilesCommand(session: Session, folder: string): Promise<number> {
  const console = await session.console();
  const { ledger } = console;
  const { note } = await console.call(ledger, ledger.checkpoint, {});
  const { size } = parseCheckpointBody(note);
  let tiles = 0;
  for (let level = 0, hashes = size; hashes > 0; level++) {
    for (let number = 0; number * tileHashes < hashes; number++) {
      const width = Math.min(tileHashes, hashes - number * tileHashes);
      const tile = await console.call(ledger, ledger.tile, { level, number });
      // The ledger may have grown meanwhile; the checkpoint covers this much.
      const covered = tile.hashes.subarray(0, width * 32);
      writeGiven(session, `${folder}/${tilePath(level, number, width)}`, covered);
      tiles += 1;
    }
    hashes = Math.floor(hashes / tileHashes);
  }
  // Last, so that what it covers is there.
  writeGiven(session, `${folder}/checkpoint`, note);
  session.output.result({ folder, size, tiles }, () =>
    neutraliseLines(`${tiles} tiles of ${size} entries in ${folder}`),
  );
  return 0;
}

const tileHashes = 256;

function tilePath(level: number, number: number, width: number): string {
  const groups = String(number).padStart(Math.ceil(String(number).length / 3) * 3, "0");
  const elements = groups.match(/\d{3}/g) as string[];
  const name = elements.map((it, at) => (at < elements.length - 1 ? `x${it}` : it)).join("/");
  return `tile/${level}/${name}${width === tileHashes ? "" : `.p/${width}`}`;
}
