/*
 * The two ends of a private pid namespace (pid_namespaces(7)):
 *
 *     outer    forwards signals; ends the way the command ended
 *      └─ init     process 1: reaps what it inherits; dies with outer, and everything with it
 *          └─ command
 */
#ifndef SANDBOX_SUPERVISE_H
#define SANDBOX_SUPERVISE_H

#include <signal.h>
#include <sys/types.h>

#include "common/errors.h"

/* Block the signals to forward; outer calls it before it creates init, which inherits the mask. */
void watch_signals(void);

/*
 * Forward signals to pid until it has ended, reaping every other child on the way. A signal from
 * the terminal (si_code SI_KERNEL) is not forwarded: it went to the whole foreground process group,
 * which includes the command. Only SIGHUP goes just to the session leader. Returns the wait status
 * of pid, as waitpid(2) gives it.
 */
int wait_handing_on_signals(pid_t pid);

/* A descriptor that reports those signals to outer, instead of waiting for them (signalfd(2)).
 */
int watched_signals(void);

/*
 * The rest of process 1's life: run the command and wait for it. Its own exit status cannot report
 * a signal, so the wait status goes through a pipe, whose write end is status_fd (close-on-exec).
 * program: its path, or a name to find in PATH; argv: its arguments, starting with its name.
 */
_Noreturn void run_init(const char *program, char **argv, int status_fd);

/*
 * The rest of outer's life: wait for init, read the wait status from the other end of that pipe,
 * and end as the command did, with its exit status or by the same signal. If no signal can end it,
 * as process 1 of a container: with 128 plus the signal's number.
 */
_Noreturn void end_like_command(pid_t init, int status_fd);

/* The same once init has ended. own: its wait status, used if the pipe is empty. */
_Noreturn void end_as_told(int own, int status_fd);

/* End like a process with this wait status, as above. */
_Noreturn void end_like(int status);

#endif
