/* The binary's other lives, chosen by its first argument before any JavaScript runs. */
#ifndef COHORT_MODES_H
#define COHORT_MODES_H

/* First process of a sandbox. The agent alone starts it, with descriptors that it expects. */
#define sandbox_init_mode "sandbox-init"

int script_main(int argc, char **argv);
int sandbox_init_main(void);

#endif
