/* Which image of the agent runs: the installed one, one that an update brought, or one under trial. */
#ifndef COHORT_UPDATE_H
#define COHORT_UPDATE_H

/*
 * Before anything else of `run`. The installed binary becomes the image that its data folder names,
 * and does not return; it does return where it is to run itself, and in that image.
 */
void update_boot(int argc, char **argv);
/* Begins anew with the installed binary and the same arguments, in this process; an errno if not. */
int update_restart(void);
/* The image has proved itself: its time runs no longer. */
void update_end_trial(void);

#endif
