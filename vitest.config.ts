import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{proto,coordinator,node-agent,gateway,deploy,test}/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", ".cohort/**"],
    // Real servers, compilers and kernels take their time on two cores.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
