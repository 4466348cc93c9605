import type { ScriptHost } from "./script-host.ts";

/** The step's own files, below /work; they are gone when it has ended. */
export interface Workspace {
  /** null when there is none. */
  read(path: string): Uint8Array | null;
  text(path: string): string | null;
  /** Folders are made as needed; a text is written in UTF-8. */
  write(path: string, content: string | Uint8Array): void;
  /** Names in a folder, sorted; [] when there is none. */
  list(path?: string): string[];
  remove(path: string): void;
}

export function workspace(host: ScriptHost): Workspace {
  const read = (path: string) => host.readFile(inside(path));
  return {
    read,
    text: (path) => {
      const bytes = read(path);
      return bytes === null ? null : new TextDecoder().decode(bytes);
    },
    write: (path, content) => {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      host.writeFile(inside(path), bytes);
    },
    list: (path = ".") => host.listFiles(path === "." ? path : inside(path)),
    remove: (path) => host.removeFile(inside(path)),
  };
}

/** The path, if it leads nowhere but below the workspace. */
function inside(path: string): string {
  const parts = typeof path === "string" ? path.split("/") : [];
  const strange = (part: string) => part === "" || part === "." || part === "..";
  if (parts.length > 0 && !parts.some(strange) && !path.includes("\0")) return path;
  throw new TypeError(`${JSON.stringify(path)} is no path below the workspace`);
}
