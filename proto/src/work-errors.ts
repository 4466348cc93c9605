/** How steps and runs end that do not succeed; a part of the registry in `errors.ts`. */
export const workErrors = {
  STEP_EXIT: {
    exit: 3,
    grpc: "ABORTED",
    meaning: "The step's program ended with an exit status other than 0.",
  },
  STEP_SIGNAL: { exit: 3, grpc: "ABORTED", meaning: "A signal ended the step's program." },
  STEP_TIMEOUT: {
    exit: 3,
    grpc: "DEADLINE_EXCEEDED",
    meaning: "The step ran longer than its timeout.",
  },
  STEP_MEMORY: {
    exit: 3,
    grpc: "RESOURCE_EXHAUSTED",
    meaning: "The step used more memory than its limit, files in /work and /tmp included.",
  },
  STEP_CPU: {
    exit: 3,
    grpc: "RESOURCE_EXHAUSTED",
    meaning: "The step used more processor time than its limit.",
  },
  STEP_DISK: {
    exit: 3,
    grpc: "RESOURCE_EXHAUSTED",
    meaning: "The step had filled its disk when it failed.",
  },
  STEP_PIDS: {
    exit: 3,
    grpc: "RESOURCE_EXHAUSTED",
    meaning: "The step had as many processes as it may when it failed.",
  },
  STEP_OUTPUT_INVALID: {
    exit: 3,
    grpc: "ABORTED",
    meaning:
      "What the step left as its output is not JSON, not a regular file, or of a wrong type.",
  },
  STEP_OUTPUT_MISSING: {
    exit: 3,
    grpc: "ABORTED",
    meaning: "The step left no output, or one without a field that its `outputs` declare.",
  },
  STEP_OUTPUT_TOO_LARGE: {
    exit: 3,
    grpc: "RESOURCE_EXHAUSTED",
    meaning: "The step's output is larger than its limit.",
  },
  ARTIFACT_MISSING: {
    exit: 3,
    grpc: "ABORTED",
    meaning: "The step left no regular file where it says that an artifact is.",
  },
  ARTIFACT_UNKNOWN: { exit: 4, grpc: "NOT_FOUND", meaning: "There is no such artifact." },
  ARTIFACT_TOO_LARGE: {
    exit: 3,
    grpc: "RESOURCE_EXHAUSTED",
    meaning: "An artifact, or those of a run together, are larger than allowed.",
  },
  ARTIFACT_CORRUPT: {
    exit: 3,
    grpc: "DATA_LOSS",
    meaning: "The content of an artifact does not have the hash that it should.",
  },
  ARTIFACT_STORE_FULL: {
    exit: 3,
    grpc: "RESOURCE_EXHAUSTED",
    meaning: "The artifact store has no room left.",
  },
  ARTIFACT_STORE_UNAVAILABLE: {
    exit: 5,
    grpc: "UNAVAILABLE",
    meaning: "The artifact store cannot be reached for now.",
  },
  STEP_START_FAILED: {
    exit: 3,
    grpc: "ABORTED",
    meaning: "The sandbox or the program could not be started.",
  },
  STEP_CANCELLED: { exit: 3, grpc: "CANCELLED", meaning: "The step was cancelled." },
  NODE_INTERRUPTED: {
    exit: 3,
    grpc: "ABORTED",
    meaning: "The node's agent ended while the step ran.",
  },
  NODE_LOST: { exit: 3, grpc: "ABORTED", meaning: "The node no longer knows the attempt." },
  NODE_DISCONNECTED: {
    exit: 3,
    grpc: "UNAVAILABLE",
    meaning: "The node was away for longer than the step's `lost_after`.",
  },
  NODE_DRAINED: {
    exit: 3,
    grpc: "ABORTED",
    meaning: "The node was drained, and the attempt still ran when the time was over.",
  },
  NODE_BUSY: { exit: 3, grpc: "RESOURCE_EXHAUSTED", meaning: "The node has no free slot." },
  DEVICE_BUSY: {
    exit: 3,
    grpc: "RESOURCE_EXHAUSTED",
    meaning: "Another step, program or driver of the node uses the device.",
  },
  DEVICE_FAILED: {
    exit: 3,
    grpc: "UNAVAILABLE",
    meaning: "The device is gone, or did not do what it was asked to.",
  },
  RELEASE_INVALID: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "The file is no version of the agent, or not as its release says.",
  },
  RELEASE_UNTRUSTED: {
    exit: 4,
    grpc: "PERMISSION_DENIED",
    meaning: "A release, or the key that signs releases, is not signed by the key that is trusted.",
  },
  RELEASE_UNKNOWN: {
    exit: 4,
    grpc: "NOT_FOUND",
    meaning: "No such version of the agent has been published.",
  },
  RELEASE_IN_USE: {
    exit: 4,
    grpc: "FAILED_PRECONDITION",
    meaning: "The version is being rolled out.",
  },
  RELEASE_OLDER: {
    exit: 4,
    grpc: "FAILED_PRECONDITION",
    meaning: "The node runs a later version, or one that forbids earlier ones.",
  },
  RELEASE_CORRUPT: {
    exit: 4,
    grpc: "DATA_LOSS",
    meaning: "The agent's new version did not arrive as it was signed.",
  },
  ROLLOUT_ACTIVE: {
    exit: 4,
    grpc: "FAILED_PRECONDITION",
    meaning: "A rollout goes on.",
  },
  ROLLOUT_UNKNOWN: { exit: 4, grpc: "NOT_FOUND", meaning: "There was no rollout yet." },
  ROLLOUT_ENDED: { exit: 4, grpc: "FAILED_PRECONDITION", meaning: "The rollout is over." },
  ROLLOUT_EMPTY: {
    exit: 4,
    grpc: "FAILED_PRECONDITION",
    meaning: "The rollout would be about no node.",
  },
  UPDATE_FAILED: {
    exit: 3,
    grpc: "ABORTED",
    meaning: "The agent's new version did not prove itself, so the former one runs again.",
  },
  UPDATE_LATE: {
    exit: 3,
    grpc: "DEADLINE_EXCEEDED",
    meaning: "The node did not come back with the new version in time.",
  },
  UPDATE_DISK_FULL: {
    exit: 3,
    grpc: "RESOURCE_EXHAUSTED",
    meaning: "The node's disk has no room for the agent's new version.",
  },
  UPDATE_OVERTAKEN: {
    exit: 3,
    grpc: "ABORTED",
    meaning: "The node was told of a later rollout.",
  },
  DISPATCH_INVALID: {
    exit: 3,
    grpc: "INVALID_ARGUMENT",
    meaning: "The node refused a dispatch that is malformed or not signed by its coordinator.",
  },
  RUN_TIMEOUT: {
    exit: 3,
    grpc: "DEADLINE_EXCEEDED",
    meaning: "The run lasted longer than its timeout.",
  },
  RUN_FAILED: { exit: 3, grpc: "ABORTED", meaning: "The run of a sub-workflow failed." },
  WORKFLOW_DEPTH: {
    exit: 3,
    grpc: "FAILED_PRECONDITION",
    meaning: "Sub-workflows lie deeper within one another than they may.",
  },
  GROUP_DEADLOCK: {
    exit: 3,
    grpc: "FAILED_PRECONDITION",
    meaning: "A sub-workflow would wait for a concurrency group that a run above it holds.",
  },
  GROUP_FULL: {
    exit: 3,
    grpc: "RESOURCE_EXHAUSTED",
    meaning: "The run's concurrency group has no place for it, and `overflow` lets it not wait.",
  },
  GROUP_QUEUE_FULL: {
    exit: 4,
    grpc: "RESOURCE_EXHAUSTED",
    meaning: "As many runs as may do so wait for the concurrency group already.",
  },
  RUN_REPLACED: {
    exit: 3,
    grpc: "CANCELLED",
    meaning: "A newer run of the concurrency group took the run's place.",
  },
  RUN_CANCELLED: { exit: 3, grpc: "CANCELLED", meaning: "The run was cancelled." },
  CALL_STATUS: { exit: 3, grpc: "ABORTED", meaning: "The service answered with an error status." },

  // What steps ask of people
  APPROVAL_DENIED: { exit: 3, grpc: "ABORTED", meaning: "A person refused what the step asked." },
  APPROVAL_TIMEOUT: {
    exit: 3,
    grpc: "DEADLINE_EXCEEDED",
    meaning: "Nobody decided what the step asked in time.",
  },
  APPROVAL_UNKNOWN: {
    exit: 4,
    grpc: "NOT_FOUND",
    meaning: "The step does not wait for a decision.",
  },
  APPROVAL_DECIDED: {
    exit: 4,
    grpc: "FAILED_PRECONDITION",
    meaning: "Somebody else has decided already.",
  },

  // Messages
  TOPIC_INVALID: {
    exit: 4,
    grpc: "INVALID_ARGUMENT",
    meaning: "The topic is none that a message can be published to.",
  },
  PUBLISH_TIMEOUT: {
    exit: 3,
    grpc: "DEADLINE_EXCEEDED",
    meaning: "No gateway had its broker take the message in time.",
  },
  PUBLISH_REFUSED: { exit: 3, grpc: "ABORTED", meaning: "The broker refused the message." },
} as const;
