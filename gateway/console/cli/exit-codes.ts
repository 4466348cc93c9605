/** What commands end with beside the status of an error. */
export const exitStatus = { done: 0, wouldChange: 6 } as const;

/** What the exit status says; each error code of the registry names one of these. */
const exitCodes: readonly (readonly [number, string])[] = [
  [exitStatus.done, "done; with --follow: the run succeeded; with --dry-run: nothing would change"],
  [1, "a fault"],
  [2, "the command line is wrong"],
  [3, "the run failed"],
  [4, "refused: not valid, not there, or not allowed"],
  [5, "the coordinator cannot be reached"],
  [exitStatus.wouldChange, "apply --dry-run: something would change"],
];

export const exitCodeHelp = `
Exit status:
${exitCodes.map(([code, meaning]) => `  ${code}  ${meaning}`).join("\n")}`;
