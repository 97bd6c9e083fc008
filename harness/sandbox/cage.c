#include "sandbox/cage.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/supervise.h"

#define KEYCTL_JOIN_SESSION_KEYRING 1 /* linux/keyctl.h is not everywhere */

void cage_must(int result, const char *what)
{
	if (result < 0)
		err(EXIT_CANNOT, "cannot confine the program: %s", what);
}

/* Allow no user namespaces inside: each would come with new capabilities (namespaces(7)). */
static void forbid_user_namespaces(void)
{
	int fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);

	cage_must(fd < 0 || write(fd, "0", 1) != 1 ? -1 : 0, "max_user_namespaces");
	close(fd);
}

/* When memory runs out the kernel kills this first, even if the caller is exempt. */
static void volunteer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	cage_must(fd < 0 || write(fd, "1000", 4) != 4 ? -1 : 0, "oom_score_adj");
	close(fd);
}

/* Its own empty session keyring, which ends with it. A kernel may lack keyrings. */
static void leave_keyring(void)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		cage_must(-1, "session keyring");
}

/*
 * Takes away what the caller's limits may permit without a capability: running ahead of everyone
 * else and, in a closed cage, a core dump. The core limit is 1 byte, not 0: a core handler outside
 * ignores every limit except 1 (core(5)).
 */
static void forgo_privileged_limits(bool closed)
{
	const struct rlimit none = {0, 0}, no_core = {1, 1};

	cage_must(setrlimit(RLIMIT_RTPRIO, &none), "limit rtprio");
	cage_must(setrlimit(RLIMIT_NICE, &none), "limit nice");
	if (closed)
		cage_must(setrlimit(RLIMIT_CORE, &no_core), "limit core");
}

/* The part of the caller's environment that sets language and terminal; the rest may hold
 * secrets. */
static void clear_environment(void)
{
	static const char *const kept[] = {
	    "PATH=", "LANG=",	      "LANGUAGE=",	"LC_",		"TZ=",
	    "TERM=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS="};
	char **last = environ;

	for (char **each = environ; each && *each; each++)
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
			if (strncmp(*each, kept[i], strlen(kept[i])) == 0)
				*last++ = *each;
	if (last)
		*last = NULL;
	cage_must(setenv("HOME", "/tmp", 1), "HOME");
}

/*
 * Process 1 and the confined program have the same user. A process with fewer capabilities than
 * another may hold can neither trace it nor open its /proc/1 (ptrace(2), access mode checking; the
 * commoncap module). So process 1 keeps one permitted capability, useless in a user namespace; the
 * command has none. Making process 1 undumpable would work too, but hide it from an ordinary user's
 * census.
 */
static void set_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct one[_LINUX_CAPABILITY_U32S_3] = {{0}};

	one[CAP_TO_INDEX(CAP_WAKE_ALARM)].permitted = CAP_TO_MASK(CAP_WAKE_ALARM);
	cage_must(syscall(SYS_capset, &header, one), "capset");
}

static void drop_privileges(const struct cage *cage)
{
	/* exec() must not grant any. */
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		cage_must(prctl(PR_CAPBSET_DROP, capability), "bounding set");
	if (cage->uid != geteuid()) {
		cage_must(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keepcaps"); /* until exec() */
		cage_must(setgroups(0, NULL), "setgroups");
		cage_must(setresgid(cage->gid, cage->gid, cage->gid), "setresgid");
		cage_must(setresuid(cage->uid, cage->uid, cage->uid), "setresuid");
	}
	cage_must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "ambient set");
	set_capabilities();
	cage_must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
}

void cage_enter(struct cage *cage)
{
	leave_keyring();
	volunteer();
	forgo_privileged_limits(cage->closed);
	cage_must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount propagation");
	forbid_user_namespaces(); /* before its file becomes read-only */
	if (cage->closed) {
		view_close(cage);
		clear_environment();
	} else {
		view_open(cage);
	}
	cage_must(setsid(), "setsid"); /* a terminal accepts input from any process it controls */
	drop_privileges(cage);
	cage_deny_calls(cage->closed, cage->memory_counted);
}
