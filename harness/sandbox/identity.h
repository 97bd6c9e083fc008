/* Chooses the user of a confined program (user_namespaces(7)). */
#ifndef SANDBOX_IDENTITY_H
#define SANDBOX_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

struct identity {
	uid_t uid; /* the program's id in its own user namespace */
	gid_t gid;
	uid_t caller_uid; /* the caller's id there */
	gid_t caller_gid;
};

enum { AS_IT_IS = -1 };

/*
 * Choose. wish: a user id, or AS_IT_IS; closed: without a wish root becomes nobody, or, if nobody
 * is not mapped, the highest mapped id that no user or group has. If only root is mapped, a root
 * that owns the system's files is refused; one that is an ordinary user outside becomes nobody. On
 * failure: one sentence on stderr, exit 77.
 */
struct identity identity_choose(long wish, bool closed);

/* From outside: map every id in the user namespace of a process to itself. */
void identity_map(pid_t pid, const struct identity *identity);

#endif
