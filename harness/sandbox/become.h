/*
 * Programs that a caller names. When one cannot be started, the sentence is about that program and
 * not about whichever of ours was to start it.
 */
#ifndef SANDBOX_BECOME_H
#define SANDBOX_BECOME_H

#include <limits.h>

struct refusal {
	int status;		 /* by which a shell tells it: 127 not found, 126 anything else */
	char why[PATH_MAX + 64]; /* the end of the sentence "cannot start X: ..." */
};

/*
 * Look whether execvp(3) could start a program. Returns 0 when nothing is known against it,
 * otherwise the status, which with the reason is in *refusal.
 */
int cannot_start(const char *program, struct refusal *refusal);

/*
 * Become a program, or say why not, and end with that status.
 * program: where it is, by a path or by PATH; argv: what it is told, from its name on, by which the
 * sentence calls it.
 */
_Noreturn void become(const char *program, char **argv);

#endif
