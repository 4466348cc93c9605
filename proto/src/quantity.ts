/** Durations, sizes and money as people write them, and back; null when the text is none. */

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

export const durationPattern = /^(?:\d+(?:ms|[smhd]))+$/;

/** "90s", "1h30m", "250ms" to integer ms. */
export function parseDuration(text: string): number | null {
  if (!durationPattern.test(text)) return null;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhd])/g)) {
    total += Number(count) * (durationUnits[unit as string] as number);
  }
  return Number.isSafeInteger(total) ? total : null;
}

/** Integer ms as "1h30m", in the largest units that give it exactly. */
export function formatDuration(milliseconds: number): string {
  let left = milliseconds;
  const parts = Object.entries(durationUnits)
    .reverse()
    .map(([unit, size]) => {
      const count = Math.floor(left / size);
      left -= count * size;
      return count === 0 ? "" : `${count}${unit}`;
    });
  return parts.join("") || "0s";
}

const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

export const sizePattern = /^(\d+) ?([KMG]i?B|B)$/;

/** "64MiB", "10 MB" to bytes. */
export function parseSize(text: string): number | null {
  const match = sizePattern.exec(text);
  if (match === null) return null;
  const bytes = Number(match[1]) * (sizeUnits[match[2] as string] as number);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** Bytes as "64MiB", in the largest unit that gives them exactly. */
export function formatSize(bytes: number): string {
  const [unit, size] = Object.entries(sizeUnits)
    .sort(([, a], [, b]) => b - a)
    .find(([, size]) => bytes % size === 0 && bytes >= size) ?? ["B", 1];
  return `${bytes / size}${unit}`;
}

export const nanoUsdPerUsd = 1_000_000_000;

export const moneyPattern = /^(\d+)(?:\.(\d{1,9}))? USD$/;

/** "0.20 USD" to integer nano-USD; at most nine decimals. */
export function parseMoney(text: string): number | null {
  const match = moneyPattern.exec(text);
  if (match === null) return null;
  const nano = Number(match[1]) * nanoUsdPerUsd + Number((match[2] ?? "").padEnd(9, "0"));
  return Number.isSafeInteger(nano) ? nano : null;
}

/** Nano-USD as "0.20 USD": at least two decimals, no trailing zeros beyond them. */
export function formatMoney(nanoUsd: number): string {
  const sign = nanoUsd < 0 ? "-" : "";
  const whole = Math.trunc(Math.abs(nanoUsd) / nanoUsdPerUsd);
  const decimals = String(Math.abs(nanoUsd) % nanoUsdPerUsd)
    .padStart(9, "0")
    .replace(/0{1,7}$/, "");
  return `${sign}${whole}.${decimals} USD`;
}
