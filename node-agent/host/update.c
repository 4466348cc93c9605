/*
 * Chooses the image that runs. Everything happens by exec in one process, so that whoever supervises
 * it sees the same process all along.
 *
 *   installed binary --boot: current--> image                    ordinary start
 *   installed binary --boot: trial----> new image                its alarm runs from here on
 *   new image: greeted by the coordinator -> boot: current       the alarm is taken back
 *   new image: late -> SIGALRM -> installed binary --------> former image
 *   new image: ends -> supervisor -> installed binary: the next start; after two, the former image
 *
 * The alarm is set before exec, which keeps it: it ends also what never gets to its own first line.
 */

#include "update.h"

#include "update_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One may be cut off by a loss of power that is not its fault. */
enum { trial_starts_max = 2, hash_piece_bytes = 64 * 1024, environment_max = 512 };

/* Set for images, by the installed binary: where that one is; and for one under trial, its name. */
static const char installed_variable[] = "COHORT_AGENT_INSTALLED";
static const char trial_variable[] = "COHORT_AGENT_TRIAL";
/* Set for the installed binary, by an image whose time was over. */
static const char late_variable[] = "COHORT_AGENT_LATE";

/* Read by `cohort agent sign`: what the file says of itself. */
static const char release_mark[] = "cohort-agent-release " COHORT_VERSION " " COHORT_ARCH "\n";

static char installed[PATH_MAX]; /* path of the installed binary; "" where /proc does not tell */
static char **arguments;         /* main's */
/* For the handler of the alarm, which may allocate nothing. */
static char late_setting[sizeof(late_variable) + 2];
static char *late_environment[environment_max + 2];

static void find_installed(void) {
  const char *told = getenv(installed_variable);
  if (told != NULL && strlen(told) < sizeof(installed)) {
    strcpy(installed, told);
    return;
  }
  ssize_t length = readlink("/proc/self/exe", installed, sizeof(installed) - 1);
  installed[length > 0 ? length : 0] = '\0';
}

/* --- in an image under trial ----------------------------------------------------------------------- */

/* In place of whatever hangs: execve and _exit are all that is called. */
static void on_late(int number) {
  execve(installed, arguments, late_environment);
  _exit(1);
}

static bool is_setting_of(const char *setting, const char *variable) {
  size_t length = strlen(variable);
  return strncmp(setting, variable, length) == 0 && setting[length] == '=';
}

static void watch_trial(void) {
  extern char **environ;
  size_t count = 0;
  for (char **setting = environ; *setting != NULL && count < environment_max; setting++) {
    if (is_setting_of(*setting, installed_variable)) continue;
    if (is_setting_of(*setting, trial_variable)) continue;
    late_environment[count++] = *setting;
  }
  snprintf(late_setting, sizeof(late_setting), "%s=1", late_variable);
  late_environment[count++] = late_setting;
  late_environment[count] = NULL;
  struct sigaction action = {.sa_handler = on_late};
  sigfillset(&action.sa_mask);
  sigaction(SIGALRM, &action, NULL);
}

void update_end_trial(void) {
  alarm(0);
  unsetenv(trial_variable);
}

int update_restart(void) {
  unsetenv(installed_variable);
  unsetenv(trial_variable);
  if (installed[0] == '\0') return ENOENT;
  execv(installed, arguments);
  return errno;
}

/* --- in the installed binary ------------------------------------------------------------------------ */

static const char *data_folder(int argc, char **argv) {
  const char *folder = NULL;
  for (int i = 2; i + 1 < argc; i++) {
    if (strcmp(argv[i], "--data") == 0) folder = argv[i + 1];
  }
  return folder;
}

/* Whether the file is what its name says: a disk may have lost what it had said it kept. */
static bool is_whole(const char *path, const char *name) {
  static uint8_t piece[hash_piece_bytes];
  crypto_hash_sha256_state state;
  uint8_t digest[crypto_hash_sha256_BYTES];
  char hex[2 * crypto_hash_sha256_BYTES + 1];
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return false;
  crypto_hash_sha256_init(&state);
  ssize_t count;
  while ((count = read(file, piece, sizeof(piece))) != 0) {
    if (count < 0 && errno != EINTR) break;
    if (count > 0) crypto_hash_sha256_update(&state, piece, (unsigned long long)count);
  }
  close(file);
  crypto_hash_sha256_final(&state, digest);
  sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
  return count == 0 && strcmp(hex, name) == 0;
}

/* Returns only where the image cannot be run. */
static void become(const char *folder, const char *image, unsigned alarm_seconds) {
  char path[PATH_MAX];
  if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, image) >= sizeof(path)) return;
  if (installed[0] == '\0' || !is_whole(path, image)) return;
  setenv(installed_variable, installed, 1);
  if (alarm_seconds > 0) setenv(trial_variable, image, 1);
  alarm(alarm_seconds);
  execv(path, arguments);
  fprintf(stderr, "cohort-agent: %s cannot be run: %s\n", path, strerror(errno));
  alarm(0);
  unsetenv(installed_variable);
  unsetenv(trial_variable);
}

static void fail_trial(const char *folder, struct boot *boot, const char *reason) {
  fprintf(stderr, "cohort-agent: update %.12s is taken back: %s\n", boot->trial, reason);
  strcpy(boot->failed, boot->trial);
  strcpy(boot->reason, reason);
  strcpy(boot->trial, "-");
  boot->starts = 0;
  /* Unwritten, the next start finds it out again. */
  if (!boot_write(folder, boot)) perror("cohort-agent: writing of the update");
}

static void try_trial(const char *folder, struct boot *boot, bool was_late) {
  if (was_late) return fail_trial(folder, boot, "late");
  if (boot->starts >= trial_starts_max) return fail_trial(folder, boot, "crashed");
  boot->starts++;
  /* What cannot be counted is not tried: it might be tried for ever. */
  if (!boot_write(folder, boot)) return fail_trial(folder, boot, "unusable");
  become(folder, boot->trial, boot->confirm_seconds > 0 ? boot->confirm_seconds : 1);
  fail_trial(folder, boot, "unusable");
}

void update_boot(int argc, char **argv) {
  /* exec keeps the mask, and the handler of the alarm ran with all of them shut. */
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  __asm__ volatile("" : : "r"(release_mark)); /* or the linker drops it */
  arguments = argv;
  bool is_image = getenv(installed_variable) != NULL;
  find_installed();
  if (is_image) {
    if (getenv(trial_variable) != NULL) watch_trial();
    return;
  }
  bool was_late = getenv(late_variable) != NULL;
  unsetenv(late_variable);
  unsetenv(trial_variable);
  const char *data = data_folder(argc, argv);
  char folder[PATH_MAX];
  struct boot boot;
  if (data == NULL) return;
  if ((size_t)snprintf(folder, sizeof(folder), "%s/update", data) >= sizeof(folder)) return;
  if (!boot_read(folder, &boot)) return;
  /* Whoever installed another binary since then wants that one to run. */
  if (strcmp(boot.base, COHORT_VERSION) != 0) return;
  if (strcmp(boot.trial, "-") != 0) try_trial(folder, &boot, was_late);
  if (strcmp(boot.current, "-") != 0) become(folder, boot.current, 0);
}
