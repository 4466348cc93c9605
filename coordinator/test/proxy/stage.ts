import { afterEach, beforeAll, beforeEach, expect } from "vitest";
import { type Authority, createAuthority } from "./certificates.ts";
import { type MeshOptions, secret, TestMesh } from "./mesh.ts";
import { Upstream } from "./upstream.ts";

/** A service over TLS for each test of a file or of a `describe`, and a mesh whose proxy calls it. */
export class Stage {
  authority!: Authority;
  upstream!: Upstream;
  mesh!: TestMesh;
  readonly #defaults: Partial<MeshOptions>;

  constructor(defaults: Partial<MeshOptions> = {}) {
    this.#defaults = defaults;
    beforeAll(async () => {
      this.authority = await createAuthority();
    });
    beforeEach(async () => {
      this.upstream = new Upstream(await this.authority.issue({ dns: ["localhost"] }), secret);
      await this.upstream.start();
    });
    afterEach(async () => {
      await this.mesh.egress.close();
      await this.upstream.stop();
      expect(this.mesh.faults).toEqual([]);
    });
  }

  newMesh(options: Partial<MeshOptions> = {}): TestMesh {
    const { port } = this.upstream;
    this.mesh = new TestMesh({ port, ca: this.authority.ca, ...this.#defaults, ...options });
    return this.mesh;
  }
}
