import { proveBoard } from "./kit/prove-board.ts";

proveBoard("arm64");
