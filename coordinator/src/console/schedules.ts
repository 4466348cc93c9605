import { type SchedulesServer, SchedulesService } from "@cohort/proto/gen/cohort/console";
import type { Writer } from "../state/writer.ts";
import type { Methods } from "./methods.ts";
import { schedulesView } from "./views.ts";

export function schedulesService({ unary }: Methods, writer: Writer): SchedulesServer {
  return {
    list: unary(SchedulesService.list, ({ workflow }) =>
      writer.read(({ schedules }) => schedulesView(schedules, workflow)),
    ),
  };
}
