import manifest from "../package.json" with { type: "json" };

/** Version of the coordinator, from its package. */
export const { version } = manifest;
