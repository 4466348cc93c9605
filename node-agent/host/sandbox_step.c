/* From a fork of init to the step's own program. The order matters: each stage takes away what the
 * ones before it needed. */

#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int reset_signals(void) {
  sandbox_trying("resetting signals");
  for (int number = 1; number < NSIG; number++) {
    /* Two cannot be set, and the C library keeps some for itself. */
    signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  return sigprocmask(SIG_SETMASK, &none, NULL);
}

int sandbox_become_step(const struct sandbox_spec *spec) {
  sandbox_trying("starting a session");
  /* No terminal of the agent's is the step's to control. */
  if (setsid() < 0) return -1;
  umask(022);
  if (reset_signals() != 0) return -1;
  /* Whatever was opened on the way here ends at exec, known to us or not. */
  sandbox_trying("closing descriptors");
  if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return -1;
  if (sandbox_set_limits(spec) != 0 || sandbox_drop_capabilities() != 0) return -1;
  if (sandbox_restrict_files(spec) != 0) return -1;
  /* Said before the filter: from then on only what a step may do is possible. */
  if (sandbox_filter_calls() != 0) return -1;
  sandbox_trying("executing %.80s", spec->argv[0]);
  environ = spec->environment;
  execvp(spec->argv[0], spec->argv);
  return -1;
}
