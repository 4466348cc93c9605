import type { LogLine } from "@cohort/proto/gen/cohort/console";
import { neutralise, neutraliseLines } from "@cohort/proto/text";
import type { Session } from "../session.ts";
import { logView } from "../views.ts";
import { persist } from "./persist.ts";

/**
 * What a run's steps wrote; with `follow` until it has ended. A coordinator that restarts meanwhile, or
 * a connection that breaks, costs no byte and repeats none: it goes on behind the last that came.
 */
export async function logs(
  session: Session,
  run: string,
  options: { readonly follow: boolean; readonly step?: string; readonly after?: number },
): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const { follow, step = "", after = 0 } = options;
  let cursor = after;
  const open = () =>
    console.stream(console.runs, console.runs.logs, { run, step, follow, after: cursor });
  // Who follows stays with the run; what stands there already is not worth waiting for.
  const chunks = follow
    ? persist(
        open,
        () => true,
        (text) => output.progress(text),
      )
    : open();
  const lines = new LineJoiner();
  const gaps = new GapFinder(after === 0);
  const print = ({ chunk, text }: Line) =>
    output.item(
      () => logView(chunk, text),
      () => `${prefixOf(chunk)} | ${neutraliseLines(text)}\n`,
    );
  try {
    for await (const chunk of chunks) {
      cursor = chunk.cursor;
      const missing = gaps.before(chunk);
      if (missing > 0) print({ chunk, text: `[${missing} bytes of output are missing here]` });
      for (const line of lines.add(chunk)) print(line);
    }
  } finally {
    for (const line of lines.rest()) print(line);
  }
  return 0;
}

/** Finds what a node had to give up, as its disk was full or its connection too slow for too long. */
export class GapFinder {
  readonly #fromBeginning: boolean;
  readonly #ends = new Map<string, number>();

  constructor(fromBeginning: boolean) {
    this.#fromBeginning = fromBeginning;
  }

  /** Bytes between the chunk and the one before it of its attempt. */
  before({ attempt, offset, data }: LogLine): number {
    const key = JSON.stringify([attempt?.step, attempt?.instance, attempt?.attempt]);
    const end = this.#ends.get(key) ?? (this.#fromBeginning ? 0 : offset);
    this.#ends.set(key, offset + data.length);
    return Math.max(0, offset - end);
  }
}

export interface Line {
  /** The chunk that ended the line. */
  readonly chunk: LogLine;
  readonly text: string;
}

/**
 * Makes lines of chunks, which end anywhere, even inside a character. Each stream of each attempt
 * has its own; a line that will not end is cut.
 */
export class LineJoiner {
  readonly #streams = new Map<
    string,
    { decoder: InstanceType<typeof TextDecoder>; text: string; chunk: LogLine }
  >();

  add(chunk: LogLine): Line[] {
    const { run, step, instance, attempt } = chunk.attempt ?? {
      run: "",
      step: "",
      instance: 0,
      attempt: 0,
    };
    const key = JSON.stringify([run, step, instance, attempt, chunk.stream]);
    const known = this.#streams.get(key);
    const stream = known ?? { decoder: new TextDecoder(), text: "", chunk };
    stream.chunk = chunk;
    this.#streams.set(key, stream);
    const lines = (stream.text + stream.decoder.decode(chunk.data, { stream: true })).split("\n");
    stream.text = lines.pop() as string;
    if (stream.text.length > lineLengthMax) {
      lines.push(stream.text);
      stream.text = "";
    }
    return lines.map((text) => ({ chunk, text: text.replace(/\r$/, "") }));
  }

  /** What was written last without a line break. */
  rest(): Line[] {
    const lines = [...this.#streams.values()]
      .map(({ decoder, text, chunk }) => ({ chunk, text: text + decoder.decode() }))
      .filter(({ text }) => text !== "");
    this.#streams.clear();
    return lines;
  }
}

function prefixOf({ attempt, node, stream }: LogLine): string {
  const place = node === "" ? "" : ` ${node}`;
  const mark = stream === 2 ? " !" : "";
  // A step that is tried again writes its lines again.
  const again = (attempt?.attempt ?? 1) > 1 ? `#${attempt?.attempt}` : "";
  return neutralise(`${attempt?.step ?? ""}[${attempt?.instance ?? 0}]${again}${place}${mark}`);
}

const lineLengthMax = 64 * 1024;
