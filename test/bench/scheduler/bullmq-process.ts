import { loadBullMq } from "./bullmq.ts";

/** BullMQ's worker in a process of its own, as the agents are; its jobs do nothing. */
const bullmq = loadBullMq();
if (bullmq === null) throw new Error("bullmq is missing");
let completed = 0;
const worker = new bullmq.Worker("chain", async () => {}, {
  connection: { host: "127.0.0.1", port: Number(process.argv[2]) },
  concurrency: 256,
});
worker.on("completed", () => {
  completed++;
});
worker.on("error", () => {});
process.on("disconnect", () => process.exit());
setInterval(() => process.send?.(completed), 20);
