#include "sandbox/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/cage.h"

void mount_private(const char *target, unsigned long flags, const char *options)
{
	cage_must(mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV | flags, options), target);
}

void mount_bind(const char *source, const char *target)
{
	cage_must(mount(source, target, NULL, MS_BIND | MS_REC, NULL), target);
}

void mount_restrict(const char *path, unsigned long attributes, bool recursive)
{
	struct mount_attr wanted = {.attr_set = attributes};

	cage_must(syscall(SYS_mount_setattr, AT_FDCWD, path, recursive ? AT_RECURSIVE : 0, &wanted,
			  sizeof(wanted)),
		  path);
}

void mount_proc(const char *target)
{
	cage_must(mount("proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL),
		  "/proc");
}

static void make_folder(const char *path)
{
	cage_must(mkdir(path, 0755) < 0 && errno != EEXIST ? -1 : 0, path);
}

void make_path(const char *path, bool file)
{
	char part[PATH_MAX];

	for (const char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		make_folder(part);
	}
	if (file)
		cage_must(mknod(path, S_IFREG | 0444, 0), path);
	else
		make_folder(path);
}

/* Show /dev/NAME, a file of any type, in the new /dev. */
static void show_device(const char *target, const char *name, bool must_be)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct stat status;

	snprintf(from, sizeof(from), "/dev/%s", name);
	snprintf(to, sizeof(to), "%s/%s", target, name);
	if (stat(from, &status) < 0) {
		cage_must(must_be ? -1 : 0, from);
		return;
	}
	make_path(to, !S_ISDIR(status.st_mode));
	mount_bind(from, to);
	if (S_ISCHR(status.st_mode)) /* its mode is the machine's; its content is not */
		mount_restrict(to, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
			       false);
}

void mount_dev(const char *target, const char *const *own)
{
	static const char *const always[] = {"null", "zero", "full", "random", "urandom", NULL};
	static const char *const streams[] = {"stdin", "stdout", "stderr"};
	char name[PATH_MAX], leads[32];

	/* Not MS_NODEV: a bind takes that from its own mount. */
	mount_private(target, 0, "mode=755,size=64k");
	for (const char *const *each = always; *each; each++)
		show_device(target, *each, true);
	for (; own && *own; own++)
		show_device(target, *own, false);
	snprintf(name, sizeof(name), "%s/fd", target);
	cage_must(symlink("/proc/self/fd", name), name);
	for (int fd = 0; fd < 3; fd++) {
		snprintf(name, sizeof(name), "%s/%s", target, streams[fd]);
		snprintf(leads, sizeof(leads), "/proc/self/fd/%d", fd);
		cage_must(symlink(leads, name), name);
	}
}
