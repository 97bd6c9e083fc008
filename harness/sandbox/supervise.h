/*
 * The two ends of a private pid namespace (pid_namespaces(7)):
 *
 *     outer   hands on signals; ends the way the command ended
 *      └─ init     process 1: reaps what it inherits; dies with outer, and everything with it
 *          └─ command
 */
#ifndef SANDBOX_SUPERVISE_H
#define SANDBOX_SUPERVISE_H

#include <signal.h>
#include <sys/types.h>

#include "common/errors.h"

/* Block the signals to be handed on; outer calls it before it creates init, which inherits that. */
void watch_signals(void);

/*
 * Hand signals on to pid until it has ended, reaping every other child on the way.
 * A signal sent by the terminal (si_code SI_KERNEL) is left alone: it went to the whole
 * foreground process group, and the command is in it. Only SIGHUP goes to the session leader alone.
 * Returns the wait status of pid, as waitpid(2) gives it.
 */
int wait_handing_on_signals(pid_t pid);

/* A descriptor by which outer is told of those signals, instead of waiting for them (signalfd(2)).
 */
int watched_signals(void);

/*
 * The rest of process 1's life: run the command and wait for it. Its own exit status cannot tell
 * a signal, so the wait status goes through a pipe, whose writing end is status_fd (close-on-exec).
 * program: where it is, by a path or by PATH; argv: what it is told, from its name on.
 */
_Noreturn void run_init(const char *program, char **argv, int status_fd);

/*
 * The rest of outer's life: wait for init, read the wait status from the other end of that pipe,
 * and end as the command did, with its exit status or by the same signal. Where no signal ends it,
 * as process 1 of a container: with 128 and the signal's number.
 */
_Noreturn void end_like_command(pid_t init, int status_fd);

/* The same once init has ended. own: its wait status, for when it said nothing. */
_Noreturn void end_as_told(int own, int status_fd);

/* End like a process with this wait status, as above. */
_Noreturn void end_like(int status);

#endif
