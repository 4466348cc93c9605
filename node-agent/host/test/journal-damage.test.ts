import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { agentBinary, outcomeOf, runProgram, temporaryFolder } from "./agent.ts";

const quote = JSON.stringify;

/** Runs in the agent's binary: a journal as a node leaves it, and what must come of any damage to it. */
const preamble = (folder: string) => `
  const path = ${quote(join(folder, "journal"))};
  const key = (run) => ({ run, step: "s", instance: 0, attempt: 1 });
  const finish = (journal, run) => journal.record(key(run), { $case: "finished", value: {
    outcome: "succeeded", code: "", exit: 0, message: "", outputJson: '{"x":1}', usage: undefined } }, 1);
  const started = (journal, run) => journal.record(key(run), { $case: "started", value: {} }, 1);
  const log = (journal, run, offset, length) => journal.record(key(run),
    { $case: "log", value: { stream: 1, offset, data: new Uint8Array(length).fill(65) } }, 1);
  const shown = (it) => JSON.stringify(it, (_, value) => value instanceof Uint8Array ? [...value] : value);
`;

/** Half of a journal's life: what is running, told, acknowledged, and taken over by another attempt. */
const life = `
  const journal = Journal.open(host, path);
  const size = () => host.files.read(path).length;
  const ends = [size()];
  const synced = [];
  const act = (it) => { it(); ends.push(size()); };
  const sync = async (...results) => { await journal.sync(); synced.push({ size: size(), results }); };
  act(() => journal.accept([key("a")]));
  act(() => started(journal, "a"));
  await sync();
  act(() => log(journal, "a", 0, 30));
  act(() => finish(journal, "a"));
  await sync("a");
  act(() => journal.accept([key("b")]));
  act(() => log(journal, "b", 0, 5));
  act(() => journal.acknowledge(journal.batch(2, 1e6).at(-1).seq));
  act(() => journal.accept([key("c")]));
  act(() => journal.forget(key("c")));
  act(() => finish(journal, "b"));
  await sync("a", "b");
  act(() => journal.accept([key("d")]));
  act(() => log(journal, "d", 0, 9));
  const used = journal.batch(1e6, 1e9).map((it) => it.seq);
  journal.close();
  const bytes = host.files.read(path);
  const codec = new RecordCodec(host.crypto, host.files.read(path + ".key"));
  const records = codec.decode(bytes);
  if (records.length !== ends.length) throw new Error("a record is more than one act");

  /** Opens the journal on other bytes; \`kept(begin, end)\`: whether a record outlives the damage. */
  function recover(damaged, kept, what) {
    host.files.writeAtomic(path, damaged, 0o600);
    const expected = new JournalState();
    records.forEach((record, index) => {
      if (kept(index === 0 ? 0 : ends[index - 1], ends[index])) expected.apply(record);
    });
    const journal = Journal.open(host, path);
    const events = journal.batch(1e6, 1e9);
    const [is, must] = [
      [journal.unfinished(), journal.finished(), events],
      [expected.unfinished(), expected.finished(), expected.pending.map((it) => it.event)],
    ].map(shown);
    if (is !== must) throw new Error(what + ": " + is + " instead of " + must);
    started(journal, "next");
    const next = journal.batch(1e6, 1e9).at(-1).seq;
    if (used.includes(next) || events.some((it) => it.seq >= next)) throw new Error(what + ": number " + next);
    journal.close();
    return journal;
  }
`;

/** Memory, since there are thousands of journals to open; a sync costs nothing there. */
function quickFolder(): string {
  const folder = mkdtempSync("/dev/shm/cohort-journal-");
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a journal that ends at any byte has each whole record, and every result that was synced", async () => {
  const { result } = await runProgram(`${preamble(quickFolder())} ${life}
    for (let length = 0; length <= bytes.length; length++) {
      const recovered = recover(bytes.slice(0, length), (_, end) => end <= length, "cut at " + length);
      for (const it of synced.filter((it) => it.size <= length)) {
        for (const run of it.results) {
          if (!recovered.knows(key(run))) throw new Error(run + " is forgotten at " + length);
        }
      }
    }
    return bytes.length;
  `);
  expect(result).toBeGreaterThan(400);
});

test("a bit that turned at any byte costs one record, and makes none", async () => {
  const { result } = await runProgram(`${preamble(quickFolder())} ${life}
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] ^= 1 << (at % 8);
      recover(damaged, (begin, end) => at < begin || at >= end, "bit at " + at);
    }
    return bytes.length;
  `);
  expect(result).toBeGreaterThan(400);
});

test("zeros, or rubbish, of any sector's length from any byte on cost what they lie on", async () => {
  const { result } = await runProgram(`${preamble(quickFolder())} ${life}
    for (const length of [16, 512]) {
      for (let at = 0; at < bytes.length; at += length === 16 ? 3 : 7) {
        for (const fill of [(it) => it.fill(0), (it) => it.set(host.random(it.length))]) {
          const damaged = bytes.slice();
          fill(damaged.subarray(at, at + length));
          recover(damaged, (begin, end) => end <= at || begin >= at + length, length + " from " + at);
        }
      }
    }
    return bytes.length;
  `);
  expect(result).toBeGreaterThan(400);
});

test("a rewriting whose rename did not happen leaves the journal as it was, and no litter", async () => {
  const { result } = await runProgram<string[]>(`${preamble(quickFolder())} ${life}
    for (let length = 0; length <= bytes.length; length += 50) {
      host.files.writeAtomic(path + ".4711.tmp", bytes.slice(0, length), 0o600);
      recover(bytes, () => true, "with " + length + " bytes of another");
    }
    return host.files.list(path.slice(0, path.lastIndexOf("/")));
  `);
  expect(result).toEqual(["journal", "journal.key"]);
});

test("an hour of output without a coordinator stays within its bound, with every result", async () => {
  const { result } = await runProgram<{ largest: number; held: number; logged: boolean }>(`
    ${preamble(quickFolder())}
    const journal = Journal.open(host, path);
    let largest = 0, offset = 0;
    for (let step = 0; step < 60; step++) {
      journal.accept([key("r" + step)]);
      for (let chunk = 0; chunk < 40; chunk++, offset += 16384) log(journal, "r" + step, offset, 16384);
      finish(journal, "r" + step);
      await journal.sync();
      largest = Math.max(largest, host.files.read(path).length);
    }
    const again = Journal.open(host, path);
    const logged = again.batch(1e6, 1e9).some((it) => it.event.$case === "log");
    return { largest, held: again.finished().length, logged };
  `);
  expect(result.held).toBe(60);
  expect(result.logged).toBe(true);
  expect(result.largest).toBeLessThan(1.5 * 1024 * 1024);
});

/** Only root may mount, if only in a namespace of its own; the agent then is an ordinary user again. */
const isRoot = process.getuid?.() === 0;
const mapped = isRoot ? [] : ["-r"];
const asUser = isRoot ? "" : "unshare -U --map-user=1000";

test("a full disk refuses work, holds results back, and loses none of them", async () => {
  const folder = temporaryFolder();
  const program = join(temporaryFolder(), "program.js");
  writeFileSync(
    program,
    `${preamble(folder)}
    const journal = Journal.open(host, path);
    journal.accept([key("a"), key("b")]);
    await journal.sync();
    const filler = host.files.openAppend(${quote(join(folder, "filler"))}, 0o600);
    const codes = [];
    const attempted = async (act) => {
      try { await act(); codes.push("done"); } catch (error) { codes.push(error.code); }
    };
    for (const piece of [65536, 4096, 256, 16, 1]) {
      try { for (;;) filler.append(new Uint8Array(piece)); } catch (error) {}
    }
    // What is left of the journal's own last page is soon taken too.
    for (let offset = 0; offset < 8192; offset += 512) log(journal, "a", offset, 512);
    finish(journal, "a");
    await attempted(() => journal.sync());
    const many = Array.from({ length: 200 }, (_, index) => key("c" + index));
    await attempted(() => journal.accept(many));
    filler.truncate(0);
    await attempted(() => journal.sync());
    finish(journal, "b");
    await attempted(() => journal.sync());
    journal.close();
    const again = Journal.open(host, path);
    return { codes, finished: again.finished().map((it) => it.run), unfinished: again.unfinished() };`,
  );
  const mount = `mount -t tmpfs -o size=256k tmpfs ${folder} && exec ${asUser} "$0" "$1"`;
  const child = spawn("unshare", [
    ...mapped,
    "-m",
    "sh",
    "-c",
    mount,
    await agentBinary(),
    program,
  ]);
  const { result } = await outcomeOf(child);
  expect(result).toEqual({
    codes: ["ENOSPC", "ENOSPC", "done", "done"],
    finished: ["a", "b"],
    unfinished: [],
  });
});
