/**
 * As much of URL as nats-core uses: it takes `http://HOST:PORT` apart and sets the port. No user,
 * path or query is understood, on purpose.
 */
export class HostPortUrl {
  readonly hostname: string;
  port: string;

  constructor(text: string) {
    const match = /^https?:\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\/?$/.exec(text);
    if (match === null) throw new TypeError("Invalid URL");
    this.hostname = (match[1] as string).toLowerCase();
    this.port = match[2] ?? "";
  }

  get host(): string {
    return this.port === "" ? this.hostname : `${this.hostname}:${this.port}`;
  }
}
