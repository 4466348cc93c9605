import { Writable } from "node:stream";
import { type Logger, pino } from "pino";

export interface Logbook {
  readonly log: Logger;
  readonly entries: Record<string, unknown>[];
}

/** A logger whose lines a test can read. */
export function newLogbook(): Logbook {
  const entries: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      entries.push(JSON.parse(String(chunk)) as Record<string, unknown>);
      done();
    },
  });
  return { log: pino({ level: "debug" }, stream), entries };
}
