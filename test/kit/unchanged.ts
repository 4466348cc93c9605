import { ListRunsRequest } from "@cohort/proto/gen/cohort/console";
import { expect } from "vitest";
import { readLedger } from "./history.ts";
import type { TestMesh } from "./mesh.ts";

/** What a refused command must leave as it was. */
export interface Standing {
  readonly resources: unknown;
  readonly runs: number;
  readonly entries: number;
}

export async function standingOf(mesh: TestMesh): Promise<Standing> {
  const { client } = mesh;
  const { resources } = await client.call(client.resources, client.resources.list, { kind: "" });
  const { runs } = await client.call(
    client.runs,
    client.runs.list,
    ListRunsRequest.fromPartial({ limit: 1000 }),
  );
  return { resources, runs: runs.length, entries: (await readLedger(mesh)).length };
}

/** Does what is given and expects the mesh to stand as before. */
export async function expectUnchanged<Result>(
  mesh: TestMesh,
  act: () => Promise<Result>,
): Promise<Result> {
  const before = await standingOf(mesh);
  const result = await act();
  expect(await standingOf(mesh)).toEqual(before);
  return result;
}
