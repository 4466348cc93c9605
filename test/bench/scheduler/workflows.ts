/** Three steps, each after the one before it, that do nothing. */
export const chain = `kind: workflow
name: chain
steps:
  - { id: one, run: "true" }
  - { id: two, depends: [one], run: "true" }
  - { id: three, depends: [two], run: "true" }
`;

export const stepsOfChain = 3;

/** Steps that wait for nothing but a node. */
export function wideWorkflow(name: string, steps: number): string {
  const lines = Array.from({ length: steps }, (_, at) => `  - { id: s${at}, run: "true" }`);
  return `kind: workflow\nname: ${name}\nsteps:\n${lines.join("\n")}\n`;
}
