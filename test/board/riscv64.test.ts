import { proveBoard } from "./kit/prove-board.ts";

proveBoard("riscv64");
