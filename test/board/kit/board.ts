import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildAgent } from "../../../node-agent/toolchain/build.mjs";
import { run } from "../../../node-agent/toolchain/run.mjs";
import { characterDevice, type Entry, file, packArchive } from "./cpio.ts";
import { controlPort, greeting, initScript } from "./init.ts";
import { modulesInOrder } from "./kernel-modules.ts";
import { type Answer, Machine } from "./machine.ts";
import { type BoardArch, processors } from "./processors.mjs";
import { type DebianParts, provideBoard } from "./provide-board.mjs";

export interface BoardOptions {
  readonly arch: BoardArch;
  readonly name: string;
  readonly memoryMb?: number;
  /** Kernel modules beside those of network and disk; parameters after a space. */
  readonly modules?: readonly string[];
  /** Files of the board's root beside the agent and busybox. */
  readonly files?: readonly Entry[];
  /** More arguments of the emulator, such as devices. */
  readonly emulator?: readonly string[];
}

/** How the board reaches the loopback of the machine that emulates it. */
export const hostAddress = "10.0.2.2";

const memoryMbUsual = 128;
const diskMb = 32;
/** An emulated processor on a busy machine; on an idle one it takes a tenth. */
const bootMsMax = 180_000;
const ownModules = ["virtio_net", "virtio_blk", "crc32c_generic", "ext4"];

/**
 * An emulated board: Debian's kernel, the static agent, busybox, and a disk at /data that outlives
 * power cuts. `powerOn` may follow `powerOff` any number of times.
 */
export class Board {
  #machine: Machine | null = null;

  private constructor(
    private readonly options: BoardOptions,
    private readonly folder: string,
    private readonly kernel: string,
  ) {}

  /** Lays everything out and boots. */
  static async start(options: BoardOptions): Promise<Board> {
    const log = (line: string) => process.stderr.write(`${line}\n`);
    const parts = await provideBoard(options.arch, log);
    const agent = await buildAgent({ arch: options.arch, log });
    const folder = mkdtempSync(join(tmpdir(), "cohort-board-"));
    const board = new Board(options, folder, parts.kernel);
    try {
      writeFileSync(join(folder, "initramfs"), rootOf(options, parts, agent.file));
      const size = `${diskMb}M`;
      await run(["mke2fs", "-q", "-t", "ext4", join(folder, "disk"), size], {
        what: "making the board's disk",
        remedy: "install e2fsprogs",
      });
      await board.powerOn();
      return board;
    } catch (error) {
      await board.stop();
      throw error;
    }
  }

  get name(): string {
    return this.options.name;
  }

  /** What the kernel and the first process said, of every boot. */
  get console(): string {
    return readFileSync(join(this.folder, "console"), "utf8");
  }

  async powerOn(): Promise<void> {
    const { folder } = this;
    const monitor = join(folder, "monitor");
    const control = join(folder, "control");
    this.#machine = await Machine.powerOn({
      argv: this.#arguments(monitor, control),
      monitor,
      control,
      consoleFile: join(folder, "console"),
      greeting,
      bootMsMax,
    });
  }

  /** At once, as when the plug is pulled. What was not synced to the disk is lost. */
  async powerOff(): Promise<void> {
    await this.#machine?.powerOff();
    this.#machine = null;
  }

  /** Pulls the network cable, or puts it back. */
  async setNetwork(up: boolean): Promise<void> {
    await this.machine.command("set_link", { name: "n0", up });
  }

  /** A shell script on the board, as root; its output, or an error with it. */
  async sh(script: string): Promise<string> {
    const { status, output } = await this.machine.run(script);
    if (status !== 0) throw new Error(`exit status ${status} of: ${script}\n${output}`);
    return output;
  }

  /** The same, whatever the exit status. */
  run(script: string): Promise<Answer> {
    return this.machine.run(script);
  }

  /** Powers off and removes everything. */
  async stop(): Promise<void> {
    await this.powerOff();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get machine(): Machine {
    if (this.#machine === null) throw new Error(`${this.options.name} is off`);
    return this.#machine;
  }

  #arguments(monitor: string, control: string): string[] {
    const { arch, memoryMb = memoryMbUsual, emulator = [] } = this.options;
    const processor = processors[arch];
    const at = (name: string) => join(this.folder, name);
    return [
      ...[processor.emulator, ...processor.machine, "-smp", "1", "-m", `${memoryMb}M`],
      ...["-nodefaults", "-display", "none", "-no-reboot"],
      ...["-kernel", this.kernel, "-initrd", at("initramfs")],
      ...["-append", `console=${processor.console} panic=-1 quiet rdinit=/init`],
      ...["-chardev", `file,id=console,path=${at("console")},append=on`],
      ...["-serial", "chardev:console"],
      ...["-chardev", `socket,id=monitor,path=${monitor}`, "-mon", "monitor,mode=control"],
      ...["-chardev", `socket,id=control,path=${control}`, "-device", "virtio-serial-pci"],
      ...["-device", `virtserialport,chardev=control,name=${controlPort}`],
      ...["-drive", `file=${at("disk")},if=none,id=disk,format=raw`],
      ...["-device", "virtio-blk-pci,drive=disk"],
      ...["-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0,romfile="],
      ...emulator,
    ];
  }
}

function rootOf(options: BoardOptions, parts: DebianParts, agent: string): Buffer {
  const wanted = [...ownModules, ...(options.modules ?? [])].map((line) => line.split(" "));
  const modules = modulesInOrder(
    parts,
    wanted.map(([name = ""]) => name),
  );
  const parameters = new Map(
    wanted.map(([name = "", ...rest]) => [name.replaceAll("-", "_"), rest]),
  );
  const order = modules.map(({ name }) => [name, ...(parameters.get(name) ?? [])].join(" "));
  return packArchive([
    characterDevice("dev/console", 5, 1),
    file("init", initScript, 0o755),
    file("bin/busybox", readFileSync(parts.busybox), 0o755),
    file("bin/cohort-agent", readFileSync(agent), 0o755),
    file("etc/hostname", `${options.name}\n`),
    file("lib/modules/order", `${order.join("\n")}\n`),
    ...modules.map(({ name, bytes }) => file(`lib/modules/${name}.ko`, bytes)),
    ...(options.files ?? []),
  ]);
}
