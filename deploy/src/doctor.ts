import { paths as pathsOf } from "../setup/paths.mjs";
import { clock, diskSpace, localhost, nodeVersion, userNamespaces } from "./doctor/machine.ts";
import { agent, dataFolder, natsServer, portsInUse } from "./doctor/mesh.ts";

/** One thing that the mesh needs of this machine. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found. */
  readonly detail: string;
  /** What to do about it; "" when all is well. */
  readonly remedy: string;
}

export interface DoctorOptions {
  /** Folder of the mesh's state; COHORT_HOME or `.cohort` in the checkout when absent. */
  readonly home?: string | undefined;
}

/** `cohort doctor`: everything that a mesh on this machine needs, each with a remedy. Changes nothing. */
export async function doctor({ home }: DoctorOptions = {}): Promise<Check[]> {
  const paths = pathsOf({ home });
  return [
    nodeVersion(),
    natsServer(paths),
    userNamespaces(),
    await localhost(),
    await agent(),
    ...(await portsInUse(paths)),
    diskSpace(paths),
    clock(paths),
    dataFolder(paths),
  ];
}
