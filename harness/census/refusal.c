/* SPDX-License-Identifier: MIT */
/*
 * Explains why we may not read the descriptors of a process. The kernel only says EACCES; the rules
 * are in ptrace(2), "Ptrace access mode checking".
 */
#include "census/internal.h"

#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The number after @name in the text of a /proc/PID/status, in @base; @otherwise if it is missing.
 */
static unsigned long long status_number(const char *status, const char *name, int base,
					unsigned long long otherwise)
{
	const char *at = strstr(status, name);

	return at ? strtoull(at + strlen(name), NULL, base) : otherwise;
}

void process_refusal(pid_t pid, char *text, size_t size)
{
	char own[4096], other[4096], path[64];
	unsigned long long uid, capabilities;
	struct stat st;

	process_read(getpid(), "status", own, sizeof(own));
	process_read(pid, "status", other, sizeof(other));
	uid = status_number(other, "\nUid:", 10, (unsigned long long)-1);
	capabilities = status_number(own, "\nCapEff:", 16, 0);
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	if (!other[0] || stat(path, &st) < 0)
		snprintf(text, size, "/proc hides it (hidepid): run census as root");
	/* The files in the /proc directory of a process that is not dumpable belong to root
	 * (proc(5)); in a user namespace, to a user who is not mapped there. */
	else if (uid == geteuid() && st.st_uid != geteuid())
		snprintf(text, size,
			 "it is not dumpable, because it changed its user or its capabilities "
			 "(prctl(2), PR_SET_DUMPABLE): run census as root");
	else if (capabilities & 1ull << CAP_SYS_PTRACE)
		snprintf(text, size,
			 "a security module forbids it, or it belongs to an outer user namespace: "
			 "run census there");
	else if (geteuid() == 0)
		snprintf(text, size,
			 "root lacks CAP_SYS_PTRACE here: give it to census (docker run --cap-add "
			 "SYS_PTRACE)");
	else
		snprintf(text, size, "it belongs to another user: run census as root");
}
