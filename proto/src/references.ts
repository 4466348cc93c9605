import type { ASTNode } from "@marcbachmann/cel-js";

/**
 * Paths that an expression reads from its variables, as ["steps", "sample", "outputs"]: from the
 * root as far as the members are constant. Variables bound by map, filter and the like are left out.
 */
export function referencesOf(node: ASTNode): string[][] {
  return readsOf(node).map(({ path }) => path);
}

export interface Read {
  readonly path: string[];
  /** The expression that reads the whole path. */
  readonly node: ASTNode;
  /** Whether the path is asked for rather than read: by `has` or `.?`, where it may be absent. */
  readonly tentative: boolean;
}

export function readsOf(
  node: ASTNode,
  bound: ReadonlySet<string> = new Set(),
  tentative = false,
): Read[] {
  const path = constantPath(node);
  if (path !== null) {
    if (bound.has(path[0] as string)) return [];
    return [{ path, node, tentative: tentative || hasOptional(node) }];
  }
  if (node.op === "rcall" && bindingMacros.has(node.args[0])) {
    const [, receiver, [variable, ...bodies]] = node.args;
    const name = variable?.op === "id" ? [variable.args] : [];
    const inner = new Set([...bound, ...name]);
    return [...readsOf(receiver, bound), ...bodies.flatMap((body) => readsOf(body, inner))];
  }
  const asks = node.op === "call" && node.args[0] === "has";
  return childrenOf(node).flatMap((child) => readsOf(child, bound, asks));
}

/** The part of a read's expression that reads the first `length` members of its path. */
export function prefixOf({ path, node }: Read, length: number): ASTNode {
  let prefix = node;
  for (let at = path.length; at > length; at--) {
    prefix = (prefix.args as readonly [ASTNode, unknown])[0];
  }
  return prefix;
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

function hasOptional(node: ASTNode): boolean {
  if (node.op === ".?") return true;
  return node.op === "." || node.op === "[]" ? hasOptional(node.args[0]) : false;
}

/** Arguments are nodes, lists of nodes, lists of pairs of nodes, and names, by the operator. */
export function childrenOf(node: ASTNode): ASTNode[] {
  const isNode = (it: unknown): it is ASTNode =>
    typeof it === "object" && it !== null && "op" in it;
  const collect = (it: unknown): ASTNode[] =>
    isNode(it) ? [it] : Array.isArray(it) ? it.flatMap(collect) : [];
  return collect(node.args);
}
