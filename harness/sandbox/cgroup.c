#include "sandbox/cgroup.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/hierarchy.h"
#include "sandbox/supervise.h"

#define PREFIX "linger-confine-"
#define TRIES 100 /* to make a group that no other confine sweeps away */

/* The unified hierarchy has all controllers; each older one has its own (cgroups(7)). */
enum { UNIFIED, MEMORY, PIDS, CPUACCT, HIERARCHIES };
static const char *const controllers[] = {"", "memory", "pids", "cpuacct"};

static struct group {
	int parent, folder; /* descriptors; the folder's holds the lock. -1: none */
	char name[64];
} groups[HIERARCHIES] = {{-1, -1, ""}, {-1, -1, ""}, {-1, -1, ""}, {-1, -1, ""}};
static char refusal[PATH_MAX + 64] = "no hierarchy of control groups is mounted";

const char *cgroup_refusal(void)
{
	return refusal;
}

static void refuse(const char *what)
{
	snprintf(refusal, sizeof(refusal), "%s: %s", what, strerror(errno));
}

/* Remove the groups of dead makers, except those that still have processes. */
static void sweep(int parent)
{
	int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *each;

	while (folder && (each = readdir(folder))) {
		if (strncmp(each->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		fd = openat(parent, each->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			unlinkat(parent, each->d_name, AT_REMOVEDIR);
		if (fd >= 0)
			close(fd);
	}
	if (folder)
		closedir(folder);
}

static void release(struct group *group)
{
	if (group->folder >= 0)
		close(group->folder);
	if (*group->name)
		unlinkat(group->parent, group->name, AT_REMOVEDIR);
	group->folder = -1;
	*group->name = 0;
}

static void forget(struct group *group)
{
	release(group);
	if (group->parent >= 0)
		close(group->parent);
	group->parent = -1;
}

/* Hold the lock of a new group. Returns false and errno; ENOENT if another confine swept it away. */
static bool hold(struct group *group)
{
	struct stat there;

	group->folder = openat(group->parent, group->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (group->folder < 0)
		return false;
	if (flock(group->folder, LOCK_EX | LOCK_NB) == 0)
		return fstatat(group->parent, group->name, &there, 0) == 0;
	if (errno == EWOULDBLOCK) /* it is sweeping */
		errno = ENOENT;
	return false;
}

/* Make a group in a folder, and hold its lock. Returns false with a refusal. */
static bool make_held(struct group *group, const char *folder)
{
	struct timespec now;
	bool swept = true;

	for (int i = 0; swept && i < TRIES; i++) {
		clock_gettime(CLOCK_REALTIME, &now);
		snprintf(group->name, sizeof(group->name), PREFIX "%d-%ld%09ld", getpid(),
			 now.tv_sec, now.tv_nsec);
		if (mkdirat(group->parent, group->name, 0755) == 0 && hold(group))
			return true;
		swept = errno == ENOENT;
		refuse(folder);
		release(group);
	}
	return false;
}

/* Make a group in a folder, unless the group would lack that file. */
static bool make_in(struct group *group, const char *folder, const char *file)
{
	group->parent = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (group->parent < 0) {
		refuse(folder);
		return false;
	}
	sweep(group->parent);
	if (make_held(group, folder)) {
		if (faccessat(group->folder, file, W_OK, 0) == 0)
			return true;
		snprintf(refusal, sizeof(refusal), "groups in %s have no %s", folder, file);
	}
	forget(group);
	return false;
}

static bool write_to(const struct group *group, const char *file, unsigned long value)
{
	int fd = openat(group->folder, file, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && dprintf(fd, "%lu", value) > 0;

	if (fd >= 0)
		close(fd);
	return written;
}

/* Read the number after a word, or the first number. */
static double read_from(const struct group *group, const char *file, const char *word)
{
	int fd = openat(group->folder, file, O_RDONLY | O_CLOEXEC);
	char text[1024];
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	char *place = text;

	if (fd >= 0)
		close(fd);
	text[length < 0 ? 0 : length] = 0;
	if (*word && (place = strstr(text, word)))
		place += strlen(word);
	return place ? strtod(place, NULL) : 0;
}

static bool is_group(const char *folder)
{
	char file[PATH_MAX + 16];

	snprintf(file, sizeof(file), "%s/cgroup.procs", folder);
	return access(file, F_OK) == 0;
}

/*
 * A group beside ours has the same controllers. One below ours has none while we are in ours ("no
 * internal processes"), unless ours is the root.
 */
static bool make_unified(void)
{
	char folder[PATH_MAX], beside[PATH_MAX];

	if (!hierarchy_folder(controllers[UNIFIED], folder))
		return false;
	if (make_in(&groups[UNIFIED], folder, "memory.max"))
		return true;
	if (snprintf(beside, sizeof(beside), "%s/..", folder) >= PATH_MAX || !is_group(beside))
		return false;
	return make_in(&groups[UNIFIED], beside, "memory.max");
}

static bool make_older(void)
{
	static const char *const files[] = {NULL, "memory.limit_in_bytes", "pids.max",
					    "cpuacct.usage"};
	char folder[PATH_MAX];

	for (int i = MEMORY; i < HIERARCHIES; i++)
		if (!hierarchy_folder(controllers[i], folder) || !make_in(&groups[i], folder, files[i]))
			return false;
	return true;
}

static bool set_limits(unsigned long memory, unsigned long processes)
{
	const struct group *unified = &groups[UNIFIED];
	bool set = true;

	if (unified->folder >= 0) {
		set &= !memory || write_to(unified, "memory.max", memory);
		if (memory)
			write_to(unified, "memory.swap.max", 0); /* absent without swap */
		set &= !processes || write_to(unified, "pids.max", processes);
		return set;
	}
	set &= !memory || write_to(&groups[MEMORY], "memory.limit_in_bytes", memory);
	if (memory)
		write_to(&groups[MEMORY], "memory.memsw.limit_in_bytes", memory);
	set &= !processes || write_to(&groups[PIDS], "pids.max", processes);
	return set;
}

bool cgroup_make(unsigned long memory, unsigned long processes)
{
	if (!make_unified() && !make_older()) {
		cgroup_remove();
		return false;
	}
	if (set_limits(memory, processes))
		return true;
	refuse("limits of a control group");
	cgroup_remove();
	return false;
}

int cgroup_unified(void)
{
	return groups[UNIFIED].folder;
}

/* Whether the first process in a group is the one it was made for. */
static bool has(const struct group *group, pid_t pid)
{
	return read_from(group, "cgroup.procs", "") == pid;
}

void cgroup_add(pid_t pid)
{
	for (int i = 0; i < HIERARCHIES; i++)
		if (groups[i].folder >= 0 && !has(&groups[i], pid) &&
		    !write_to(&groups[i], "cgroup.procs", pid) && errno != ESRCH)
			err(EXIT_CANNOT, "cannot move the program to its control group");
}

double cgroup_seconds(void)
{
	if (groups[UNIFIED].folder >= 0)
		return read_from(&groups[UNIFIED], "cpu.stat", "usage_usec ") / 1e6;
	return read_from(&groups[CPUACCT], "cpuacct.usage", "") / 1e9;
}

unsigned long cgroup_killed(void)
{
	if (groups[UNIFIED].folder >= 0)
		return read_from(&groups[UNIFIED], "memory.events", "oom_kill ");
	return read_from(&groups[MEMORY], "memory.oom_control", "oom_kill ");
}

void cgroup_remove(void)
{
	for (int i = 0; i < HIERARCHIES; i++)
		forget(&groups[i]);
}
