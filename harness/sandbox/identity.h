/* Whom a confined program becomes (user_namespaces(7)). */
#ifndef SANDBOX_IDENTITY_H
#define SANDBOX_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

struct identity {
	uid_t uid; /* of the program, as its own user namespace names it */
	gid_t gid;
	uid_t caller_uid; /* what the caller is called there */
	gid_t caller_gid;
};

enum { AS_IT_IS = -1 };

/*
 * Choose. wish: a user's number, or AS_IT_IS; closed: root becomes nobody without a wish. Where
 * nobody is not mapped that is the highest user who is, and who is in no list; where there is only
 * the caller, root by name and an ordinary user of the system's files, the name nobody. Root of the
 * system's files is refused. On failure: one sentence on stderr, exit 77.
 */
struct identity identity_choose(long wish, bool closed);

/* From outside: tell the kernel who is who in the user namespace of a process: each is itself. */
void identity_map(pid_t pid, const struct identity *identity);

#endif
