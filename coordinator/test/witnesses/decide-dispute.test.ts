import { signCheckpoint } from "@cohort/proto/ledger/checkpoint";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../src/ledger/crypto.ts";
import type { Event } from "../../src/state/event.ts";
import { applyEvent, emptyState, type State } from "../../src/state/state.ts";
import { decideDispute, decideSettle } from "../../src/witnesses/decide-dispute.ts";
import { signer } from "../log/samples.ts";

const noteOf = (size: number) => signCheckpoint({ size, root: new Uint8Array(32) }, signer, sha256);

const found = (node: string, size = 9) => ({
  node,
  checkpoint: noteOf(size),
  conflict: "",
  reason: "it was rolled back",
});

function apply(state: State, events: readonly Event[]): void {
  for (const event of events) applyEvent(state, { seq: 1, atMs: 5, event });
}

function disputed(...nodes: string[]): State {
  const state = emptyState();
  for (const node of nodes) apply(state, decideDispute(state, found(node), sha256).events);
  return state;
}

describe("a dispute", () => {
  it("is recorded once for a node, whatever it holds next, until it is settled", () => {
    const state = disputed("press-1");
    expect(state.ledger.disputes.get("press-1")).toMatchObject({
      reason: "it was rolled back",
      sinceMs: 5,
    });
    for (const size of [9, 10]) {
      expect(decideDispute(state, found("press-1", size), sha256)).toEqual({
        events: [],
        value: false,
      });
    }
    expect(decideDispute(state, found("press-2"), sha256).value).toBe(true);
  });

  it("that was settled does not come up again, and another one does", () => {
    const state = disputed("press-1");
    const request = { nodes: ["press-1"], reason: "backup", actor: "operator" };
    apply(state, decideSettle(state, request, sha256).events);
    expect(state.ledger.disputes.size).toBe(0);
    expect(decideDispute(state, found("press-1"), sha256).value).toBe(false);
    expect(decideDispute(state, found("press-1", 12), sha256).value).toBe(true);
  });

  it("is settled for every node when none is named", () => {
    const state = disputed("press-2", "press-1");
    const all = { nodes: [], reason: "backup", actor: "operator" };
    const { events, value } = decideSettle(state, all, sha256);
    expect(value).toEqual(["press-1", "press-2"]);
    expect(events.map(({ value: it }) => it)).toMatchObject([
      { actor: "operator", node: "press-1", reason: "backup" },
      { actor: "operator", node: "press-2", reason: "backup" },
    ]);
    apply(state, events);
    expect(decideSettle(state, all, sha256)).toEqual({ events: [], value: [] });
  });

  it("is not settled without a reason, nor for a node that disputes nothing", () => {
    const state = disputed("press-1");
    const by = { actor: "operator" };
    for (const reason of ["", " \n"]) {
      expect(() => decideSettle(state, { ...by, nodes: ["press-1"], reason }, sha256)).toThrow(
        expect.objectContaining({ code: "USAGE" }),
      );
    }
    expect(() =>
      decideSettle(state, { ...by, nodes: ["press-1", "pres-1"], reason: "x" }, sha256),
    ).toThrow(expect.objectContaining({ code: "ENTRY_UNKNOWN" }));
  });
});
