import { join, relative } from "node:path";
import { ConsoleClient } from "@cohort/gateway/src/console-client/console-client.ts";
import { readContext } from "@cohort/gateway/src/console-client/context.ts";
import { cleanTerminal } from "@cohort/proto/text";
import type { Paths } from "../../setup/paths.mjs";
import { repository } from "../../setup/paths.mjs";
import { phase } from "../../setup/phase.mjs";
import type { Mesh } from "../mesh/mesh.ts";
import { applyFactory, layOutFactory } from "./factory.ts";
import { followRun } from "./follow-run.ts";
import { ensureApiKey, maintenanceSpec } from "./maintenance.ts";
import { awaitNodes, enrolNodes, nodeSpecs } from "./nodes.ts";
import { printReport } from "./report.ts";
import { ensureSensor, publishVibration } from "./sensor.ts";

const workflow = "press-vibration";

/** Sets the factory example up on the mesh, sends its one message, and shows the run to its end. */
export async function runExample(mesh: Mesh, paths: Paths, signal: AbortSignal): Promise<number> {
  const context = readContext(paths.operatorContext);
  const client = new ConsoleClient(context);
  try {
    await phase("nodes", async () => {
      const enrolled = await enrolNodes(client, paths, signal);
      await mesh.start(...nodeSpecs(paths));
      return `${enrolled} enrolled now, 3 started`;
    });
    await phase("example", async () => {
      const desk = join(paths.exampleData, "maintenance");
      await mesh.start(maintenanceSpec(desk, mesh.ports));
      await ensureApiKey(client, desk);
      const folder = join(paths.exampleData, "factory");
      const source = join(repository, "deploy", "examples", "factory");
      const files = layOutFactory({ source, desk, folder, port: mesh.ports.maintenance });
      return await applyFactory(client, files);
    });
    await phase("gateway", async () => {
      await ensureSensor(paths);
      await mesh.startGateway();
      await awaitNodes(client, signal);
      return `MQTT on ${mesh.ports.mqtt}; 3 nodes connected`;
    });
    const publish = () => publishVibration(paths, mesh.ports);
    const run = await followRun({ client, workflow, publish, signal, print });
    await printReport({
      client,
      run,
      context: relative(process.cwd(), paths.operatorContext),
      endpoint: context.endpoint,
      print,
    });
    return run.state === "succeeded" ? 0 : 3;
  } finally {
    client.close();
  }
}

function print(line: string): void {
  process.stdout.write(`${cleanTerminal(line)}\n`);
}
