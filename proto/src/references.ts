import type { ASTNode } from "@marcbachmann/cel-js";

/**
 * Paths that an expression reads from its variables, as ["steps", "sample", "outputs"]: from the
 * root as far as the members are constant. Variables bound by map, filter and the like are left out.
 */
export function referencesOf(node: ASTNode, bound: ReadonlySet<string> = new Set()): string[][] {
  const path = constantPath(node);
  if (path !== null) return bound.has(path[0] as string) ? [] : [path];
  if (node.op === "rcall" && bindingMacros.has(node.args[0])) {
    const [, receiver, [variable, ...bodies]] = node.args;
    const name = variable?.op === "id" ? [variable.args] : [];
    const inner = new Set([...bound, ...name]);
    return [
      ...referencesOf(receiver, bound),
      ...bodies.flatMap((body) => referencesOf(body, inner)),
    ];
  }
  return childrenOf(node).flatMap((child) => referencesOf(child, bound));
}

const bindingMacros = new Set(["map", "filter", "all", "exists", "exists_one"]);

function constantPath(node: ASTNode): string[] | null {
  if (node.op === "id") return [node.args];
  if (node.op === "." || node.op === ".?") {
    const parent = constantPath(node.args[0]);
    return parent === null ? null : [...parent, node.args[1]];
  }
  // A step's id may hold "-", so it is often read as steps["slow-down"].
  if (node.op === "[]" && node.args[1].op === "value" && typeof node.args[1].args === "string") {
    const parent = constantPath(node.args[0]);
    return parent === null ? null : [...parent, node.args[1].args];
  }
  return null;
}

/** Arguments are nodes, lists of nodes, lists of pairs of nodes, and names, by the operator. */
function childrenOf(node: ASTNode): ASTNode[] {
  const isNode = (it: unknown): it is ASTNode =>
    typeof it === "object" && it !== null && "op" in it;
  const collect = (it: unknown): ASTNode[] =>
    isNode(it) ? [it] : Array.isArray(it) ? it.flatMap(collect) : [];
  return collect(node.args);
}
