import { Cron as Croner } from "croner";

/** A cron expression in a time zone. */
export interface Cron {
  readonly cron: string;
  /** IANA name. */
  readonly timezone: string;
}

/** The times at which it is due, in ms since 1970. */
export interface CronTimes {
  /** The first one later than `ms`; null when none comes any more. */
  nextAfter(ms: number): number | null;
  /** The last one not later than `ms`; null when there was none. */
  latestUntil(ms: number): number | null;
}

export class CronError extends Error {
  constructor(
    message: string,
    readonly hint: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "CronError";
  }
}

/**
 * Reads five fields or a nickname; pure, as what it gives depends on its arguments alone. A time
 * without `*` or step in minute and hour that falls into an hour which never happens is due once,
 * right after the gap; one that happens twice is due the first time. Everything else goes by what the
 * clock shows: it leaves out what does not happen, and takes both of what happens twice. So does Vixie
 * cron. Throws CronError.
 */
export function timesOf({ cron, timezone }: Cron): CronTimes {
  const key = `${cron} ${timezone}`;
  const known = read.get(key);
  if (known !== undefined) return known;
  const made = readTimes(cron, timezone);
  read.set(key, made);
  return made;
}

/** Reading costs more than asking; as many as there are schedules. */
const read = new Map<string, CronTimes>();

function readTimes(cron: string, timezone: string): CronTimes {
  const problem = formProblem(cron);
  if (problem !== null) throw new CronError(problem, formHint);
  const croner = parse(cron, timezone);
  const times: CronTimes = {
    nextAfter: (ms) => croner.nextRun(new Date(ms))?.getTime() ?? null,
    // It looks before a whole second, and what is due, is so at one.
    latestUntil: (ms) =>
      croner.previousRuns(1, new Date((Math.floor(ms / 1000) + 1) * 1000))[0]?.getTime() ?? null,
  };
  if (times.nextAfter(anyTimeMs) === null) {
    throw new CronError("this time never comes", "Look at the day of month beside the month.");
  }
  return times;
}

/** A time that comes at all comes after this one too, if only on the next 29th of February. */
const anyTimeMs = Date.UTC(2000, 0, 1);

const formHint = `Write minute, hour, day of month, month and day of week, as "*/15 6-22 * * 1-5".`;
const nicknames = ["hourly", "daily", "midnight", "weekly", "monthly", "yearly", "annually"];

/** What our language does not have of the library's: seconds, years, dates, "?", events. */
function formProblem(cron: string): string | null {
  const text = cron.trim();
  if (text.startsWith("@")) {
    const known = nicknames.includes(text.slice(1).toLowerCase());
    return known ? null : `no cron expression is called "${text}"`;
  }
  const fields = text.split(/\s+/).length;
  if (fields !== 5) return `a cron expression has five fields; this one has ${fields}`;
  return /[?+]/.test(text) ? `"?" and "+" mean nothing here` : null;
}

function parse(cron: string, timezone: string): Croner {
  try {
    return new Croner(cron.trim(), { timezone, mode: "5-part", fixedTimeRule: "no-wildcard" });
  } catch (cause) {
    const message = (cause as Error).message.replace(/^CronPattern: /, "").replace(/\.$/, "");
    throw new CronError(message, formHint, { cause });
  }
}
