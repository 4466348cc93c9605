/**
 * The one boundary between the agent's TypeScript and the machine. The C host (`host/`) installs an
 * object of this shape as the global `__host`; `node/host.ts` is the same in Node, for tests,
 * simulation and fleets of thousands in one process. Nothing else in `src/` reaches outside.
 *
 * Errors: every function that fails throws a HostError whose `code` is the errno name ("ENOENT",
 * "ECONNREFUSED", ...) or one of "TLS_VERIFY", "TLS_HANDSHAKE", "TIMEOUT", "CLOSED", "TOO_LARGE",
 * "NOT_REGULAR". Promises reject with the same.
 */
export interface Host {
  readonly info: HostInfo;
  /** Value of an environment variable of the agent itself. */
  environment(name: string): string | undefined;
  exit(code: number): never;
  /** All of standard input, at most `bytesMax` of it; waits for its end. */
  readInput(bytesMax: number): Uint8Array;
  /**
   * Begins anew in this process, with the same arguments, as the image that the file "update/boot" of the
   * data folder names (update/boot-file.ts). Throws where it cannot.
   */
  restart(): never;
  /** The image under trial has proved itself: from now on it is not ended for being late. */
  endTrial(): void;
  writeOut(text: string): void;
  writeError(text: string): void;
  onSignal(handler: (signal: "SIGTERM" | "SIGINT" | "SIGHUP") => void): void;
  /** Wall clock, integer ms since 1970. */
  now(): number;
  /** Monotonic clock, ms, fractional. */
  monotonic(): number;
  /** Cryptographically secure random bytes. */
  random(length: number): Uint8Array;
  readonly files: Files;
  readonly crypto: Crypto;
  connectTls(options: TlsOptions): Promise<Socket>;
  readonly sandbox: Sandbox;
  readonly devices: Devices;
  readonly local: Local;
}

export interface HostInfo {
  /** Version of the agent, from package.json at build time. */
  readonly version: string;
  readonly arch: "x86_64" | "arm64" | "riscv64";
  readonly kernel: string;
  readonly hostname: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Number of this process. */
  readonly process: number;
  /** Number of the user that it acts as. */
  readonly user: number;
  /** Command line without the program's own name. */
  readonly argv: readonly string[];
}

export class HostError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "HostError";
  }
}

/** Synchronous, for small files: configuration, keys, the journal. */
export interface Files {
  /** null when the file is absent. */
  read(path: string): Uint8Array | null;
  /** Temporary file, fsync, rename, fsync of the folder. `mode` as in chmod. */
  writeAtomic(path: string, bytes: Uint8Array, mode: number): void;
  remove(path: string): void;
  /** Creates parents too; an existing folder is no error. */
  makeDirectory(path: string, mode: number): void;
  /**
   * Whether nobody but the process's own user (and root) may read or change the file or folder; null
   * when it is absent.
   */
  isPrivate(path: string): boolean | null;
  /** Names, sorted, without "." and ".."; [] when the folder is absent. */
  list(path: string): string[];
  /** Of the filesystem that holds the path. */
  space(path: string): { readonly sizeBytes: number; readonly freeBytes: number };
  /** Who owns it and its mode as in chmod; null when it is absent. */
  inspect(path: string): { readonly user: number; readonly mode: number } | null;
  /** Opens or creates for append. */
  openAppend(path: string, mode: number): AppendFile;
}

export interface AppendFile {
  readonly size: number;
  append(bytes: Uint8Array): void;
  /** fdatasync; off the main thread, so that the event loop goes on. */
  sync(): Promise<void>;
  truncate(size: number): void;
  close(): void;
}

export interface Crypto {
  sha256(bytes: Uint8Array): Uint8Array;
  /** The same of what comes in pieces. */
  hasher(): Hasher;
  /** Ed25519. `seed` has 32 bytes; the secret key has 64. */
  signKeyPair(seed: Uint8Array): KeyPair;
  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array;
  /** False for any malformed, non-canonical or low-order input. */
  verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean;
  /** X25519, for libsodium sealed boxes. */
  boxKeyPair(seed: Uint8Array): KeyPair;
  /** null when the box does not open. */
  sealOpen(sealed: Uint8Array, publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array | null;
}

export interface Hasher {
  update(bytes: Uint8Array): void;
  /** Ends the hasher. */
  digest(): Uint8Array;
}

export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

export interface TlsOptions {
  readonly host: string;
  readonly port: number;
  /**
   * What the server must prove. `ca`: a PEM bundle of trusted roots. `fingerprint`: SHA-256 (32
   * bytes) of the DER of a root certificate that the server itself must send in its chain, and to
   * which the chain must verify; used once, to join. The host name (or IP) is checked in both.
   */
  readonly trust: { readonly ca: string } | { readonly fingerprint: Uint8Array };
  readonly timeoutMs: number;
}

/** A byte stream. One reader at a time. */
export interface Socket {
  /** Next bytes as they arrive; null at end of stream; rejects when the connection broke. */
  read(): Promise<Uint8Array | null>;
  /** Resolves when the bytes have been handed to the kernel (back-pressure). */
  write(bytes: Uint8Array): Promise<void>;
  close(): void;
  /** PEM of the root that the chain verified to ("" for a socket without TLS). */
  readonly peerRoot: string;
}

export interface Sandbox {
  /** What this kernel gives; computed once at start. */
  probe(): SandboxProbe;
  start(spec: SandboxSpec): SandboxProcess;
}

export interface SandboxProbe {
  readonly level: "strict" | "standard" | "refused";
  /** One entry a mechanism: { name: "landlock", available: false, reason: "ENOSYS" }. */
  readonly features: readonly {
    readonly name: string;
    readonly available: boolean;
    readonly reason: string;
  }[];
}

export interface SandboxSpec {
  /**
   * Program and arguments, resolved inside the sandbox. The agent's own binary is at
   * "/.cohort/agent" there; "/.cohort/agent script /work/script.js" runs a script step.
   */
  readonly argv: readonly string[];
  /** The whole environment of the step. */
  readonly environment: Readonly<Record<string, string>>;
  /** Written to /work (a sized tmpfs, the working directory) before exec; names without "/". */
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  readonly limits: {
    readonly memoryBytes: number;
    readonly pids: number;
    /** Size of /work and /tmp together. */
    readonly diskBytes: number;
    readonly openFiles: number;
    readonly cpuMs: number;
  };
  /** Host folders bound read-only at the same path when they exist ("/usr", "/bin", ...). */
  readonly readOnly: readonly string[];
  /** Port of a listener on the sandbox's own 127.0.0.1, served through `accept`; 0 for none. */
  readonly listenPort: number;
  /** The step waits for `begin`; until then, files may be placed. */
  readonly held: boolean;
}

export interface SandboxProcess {
  /** Next output of the step; null when both streams have ended. Not reading is back-pressure. */
  readOutput(): Promise<{ readonly stream: 1 | 2; readonly bytes: Uint8Array } | null>;
  /** Next connection made inside the sandbox to `listenPort`; null when the step has ended. */
  accept(): Promise<Socket | null>;
  /**
   * SIGTERM to the step's first process, or SIGKILL to all of them; hard for the second time, without
   * an account of what they used.
   */
  kill(hard: boolean): void;
  readonly exited: Promise<SandboxExit>;
  /**
   * Reads a file that the step left in /work; valid until `release`. Opened beneath /work without
   * following links; null when absent; throws NOT_REGULAR or TOO_LARGE.
   */
  collect(name: string, bytesMax: number): Uint8Array | null;
  /** Size of a file that the step left, opened in the same way and with the same errors. */
  measure(name: string): number | null;
  /** What that file has from `offset` on, at most `length` bytes (1 MiB). */
  collectPart(name: string, offset: number, length: number): Uint8Array;
  /** Of a held step: appends to a file below /work, whose folders are made as needed. */
  place(path: string, bytes: Uint8Array): void;
  /** Lets a held step begin. */
  begin(): void;
  /** Drops the workspace. Every process of the step is already gone. */
  release(): void;
}

/**
 * Devices of the machine. What is a promise runs off the main thread: a bus or a driver may keep its
 * caller waiting. At most 4096 bytes at once, else TOO_LARGE.
 */
export interface Devices {
  /** A character device (ENODEV for anything else), to read and to write, without waiting for it. */
  open(path: string): DeviceFile;
  /** A file of sysfs, by one read. */
  readAttribute(path: string): Promise<Uint8Array>;
  /** By one write, which the driver takes as a whole or refuses. */
  writeAttribute(path: string, bytes: Uint8Array): Promise<void>;
}

/** A character device that is open; each method is for one kind of them. */
export interface DeviceFile {
  /**
   * Takes a line of a GPIO chip until it is closed. `output` drives it, first with `value`; otherwise
   * it stays what it is. EBUSY when someone else has it.
   */
  requestLine(line: number, output: boolean, value: 0 | 1): Promise<DeviceFile>;
  readLine(): Promise<number>;
  writeLine(value: 0 | 1): Promise<void>;
  /** One transfer by I2C: the bytes, if any, then what is read, if anything. EBUSY: a driver's chip. */
  transferI2c(address: number, bytes: Uint8Array, length: number): Promise<Uint8Array>;
  /** As many bytes come in as go out. `speedHz` 0: the device's own. */
  transferSpi(bytes: Uint8Array, speedHz: number, mode: number): Promise<Uint8Array>;
  /** Raw bytes; EINVAL for a speed that serial ports do not have. */
  configureSerial(settings: SerialSettings): void;
  /** What has come in, at most so much; empty when nothing has. */
  readSerial(length: number): Uint8Array;
  /** How many of the bytes the port has taken. */
  writeSerial(bytes: Uint8Array): number;
  close(): void;
}

export interface SerialSettings {
  /** Bits a second. */
  readonly baud: number;
  readonly dataBits: 7 | 8;
  readonly stopBits: 1 | 2;
  readonly parity: "none" | "even" | "odd";
}

export interface SandboxExit {
  /** Exit code, or -1 when a signal ended it. */
  readonly code: number;
  readonly signal: string;
  /** Limit that ended it, or that it had met when it failed by itself. */
  readonly killed: "" | "memory" | "cpu" | "disk" | "pids";
  readonly cpuMs: number;
  readonly memoryPeakBytes: number;
  readonly wallMs: number;
}

/** Other programs of the machine: a second agent, those who ask this one, and systemd. */
export interface Local {
  /** Locks a file for as long as this process lives, once; false when another process has it. */
  lock(path: string): boolean;
  /** A Unix socket for this user alone; replaces what stands at the path. */
  listen(path: string): LocalListener;
  connect(path: string): Socket;
  /** sd_notify(3); false when nobody listens. */
  notify(state: string): boolean;
}

export interface LocalListener {
  /** The next connection; null when the listener is closed. */
  accept(): Promise<Socket | null>;
  close(): void;
}

declare global {
  var __host: Host | undefined;
}
