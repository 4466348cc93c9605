import { defineConfig } from "vitest/config";

/** What needs no namespaces runs against the other processors' binaries too, in an emulator. */
const emulated = "{crypto,files,journal,script-runner,text,tls}";

export default defineConfig({
  test: {
    // Real servers, compilers and kernels take their time on two cores.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Whatever differs, the summary is not lost among it.
    diff: { truncateThreshold: 100 },
    projects: [
      {
        extends: true,
        test: {
          name: "main",
          include: ["{proto,coordinator,node-agent,gateway,deploy,test}/**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**", ".cohort/**"],
        },
      },
      ...["arm64", "riscv64"].map((arch) => ({
        extends: true as const,
        test: {
          name: arch,
          include: [`node-agent/host/test/${emulated}.test.ts`],
          env: { COHORT_ARCH: arch },
        },
      })),
      {
        // The agent's C once more, built with AddressSanitizer, LeakSanitizer and UBSan.
        extends: true,
        test: {
          name: "sanitized",
          include: ["node-agent/host/test/**/*.test.ts"],
          globalSetup: "node-agent/host/test/build-sanitized.ts",
          env: { COHORT_SANITIZE: "1" },
        },
      },
    ],
  },
});
