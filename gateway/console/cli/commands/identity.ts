import type { Session } from "../session.ts";
import { attemptView } from "../views.ts";

/** Takes a node out of the mesh for good, or an invite back. */
export async function revokeNode(
  session: Session,
  node: string,
  { reason }: { readonly reason: string },
): Promise<number> {
  const console = await session.console();
  const request = { node, reason };
  const { changed, what, ended } = await console.call(console.nodes, console.nodes.revoke, request);
  session.output.result({ node, what, changed, ended: ended.map(attemptView) }, () => {
    if (!changed) return `${node} was revoked already`;
    if (what === "invite") return `the join token of ${node} opens nothing any more`;
    const lost = ended.length === 0 ? "nothing ran there" : `${ended.length} ended that ran there`;
    return `${node} is revoked; ${lost}`;
  });
  return 0;
}

/** The node replaces its keys, at once or when it is back. */
export async function rotateKeys(session: Session, node: string): Promise<number> {
  const console = await session.console();
  const { changed } = await console.call(console.nodes, console.nodes.rotate, { node });
  session.output.result({ node, changed }, () =>
    changed
      ? `${node} is asked for other keys; \`cohort node show ${node}\` tells how far it is`
      : `${node} was asked for other keys already`,
  );
  return 0;
}
