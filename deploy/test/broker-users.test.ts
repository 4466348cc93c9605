import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { addBrokerUser, provideBrokerUsers } from "../src/mesh/broker-users.ts";

let folder: string;
const path = () => join(folder, "gateway", "broker-users.json");
const users = () => (JSON.parse(readFileSync(path(), "utf8")) as { users: unknown[] }).users;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cohort-users-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

test("a new broker has no users, and its file is nobody else's", () => {
  provideBrokerUsers(path());
  expect(users()).toEqual([]);
  expect(statSync(path()).mode & 0o777).toBe(0o600);
});

test("a user is added beside the others, or in place of one of its name", () => {
  addBrokerUser(path(), { name: "a", password: "1", publish: ["t"] });
  addBrokerUser(path(), { name: "b", password: "2" });
  addBrokerUser(path(), { name: "a", password: "3" });
  provideBrokerUsers(path());
  expect(users()).toEqual([
    { name: "b", password: "2" },
    { name: "a", password: "3" },
  ]);
});
