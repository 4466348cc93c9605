import type { Paint } from "./table.ts";

const controlSequence = "\u001b[";

const colour =
  (code: number): Paint =>
  (text) =>
    `${controlSequence}${code}m${text}${controlSequence}0m`;

export const red = colour(31);
export const green = colour(32);
export const yellow = colour(33);
export const cyan = colour(36);
export const grey = colour(90);
