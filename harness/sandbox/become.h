/*
 * Starts programs named by a caller. When one cannot be started, the sentence names that program,
 * not the one of ours that tried.
 */
#ifndef SANDBOX_BECOME_H
#define SANDBOX_BECOME_H

#include <limits.h>

struct refusal {
	int status;		 /* as in a shell: 127 not found, 126 anything else */
	char why[PATH_MAX + 64]; /* the end of the sentence "cannot start X: ..." */
};

/*
 * Check whether execvp(3) could start a program. Returns 0 when no obstacle is known,
 * otherwise the status; *refusal holds the status and the reason.
 */
int cannot_start(const char *program, struct refusal *refusal);

/*
 * Become a program, or say why not and exit with that status. program: its path, or a name to find
 * in PATH; argv: its arguments, starting with its name, which the sentence uses.
 */
_Noreturn void become(const char *program, char **argv);

#endif
