/** What the exit status says; each error code of the registry names one of these. */
export const exitCodes: readonly (readonly [number, string])[] = [
  [0, "done; with --follow: the run succeeded"],
  [1, "a fault"],
  [2, "the command line is wrong"],
  [3, "the run failed"],
  [4, "refused: not valid, not there, or not allowed"],
  [5, "the coordinator cannot be reached"],
];

export const exitCodeHelp = `
Exit status:
${exitCodes.map(([code, meaning]) => `  ${code}  ${meaning}`).join("\n")}`;
