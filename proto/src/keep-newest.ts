/** Takes out what was put in first where there is one more than `max`. */
export function keepNewest<Key>(members: Map<Key, unknown> | Set<Key>, max: number): void {
  if (members.size <= max) return;
  for (const oldest of members.keys()) {
    members.delete(oldest);
    return;
  }
}
