import { proveBoard, proveSmallBoard } from "./kit/prove-board.ts";

proveBoard("arm64");
// riscv64 has no such test: Debian's kernel for it takes 69 MB before its first process.
proveSmallBoard("arm64", 64);
