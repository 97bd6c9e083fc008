#include "sandbox/cage.h"

#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/supervise.h"

/* glibc's <sys/mount.h> cannot stand beside <linux/mount.h> before 2.36. */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
	  const void *data);

static void must(int result, const char *what)
{
	if (result < 0)
		err(EXIT_CANNOT, "cannot confine the program: %s", what);
}

static void mount_private(const char *target, unsigned long flags, const char *options)
{
	must(mount("tmpfs", target, "tmpfs", MS_NOSUID | flags, options), target);
}

/* Everything that is mounted at a folder, and below it, read-only (mount_setattr(2)). */
static void make_read_only(const char *folder)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID};

	must(syscall(SYS_mount_setattr, AT_FDCWD, folder, AT_RECURSIVE, &attributes,
		     sizeof(attributes)),
	     folder);
}

/* A /dev with what any program needs, and no terminal and no disk. */
static void furnish_dev(void)
{
	static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
					      "/dev/urandom"};
	enum { COUNT = sizeof(devices) / sizeof(devices[0]) };
	char original[COUNT][32];

	for (int i = 0; i < COUNT; i++) {
		int fd = open(devices[i], O_PATH | O_CLOEXEC);

		must(fd, devices[i]);
		snprintf(original[i], sizeof(original[i]), "/proc/self/fd/%d", fd);
	}
	mount_private("/dev", 0, "mode=755,size=64k");
	for (int i = 0; i < COUNT; i++) {
		must(mknod(devices[i], S_IFREG | 0666, 0), devices[i]);
		must(mount(original[i], devices[i], NULL, MS_BIND, NULL), devices[i]);
	}
	must(symlink("/proc/self/fd", "/dev/fd"), "/dev/fd");
	must(mkdir("/dev/shm", 0755), "/dev/shm");
}

/*
 * Show the command at another place: the way to its own may be barred to whom it becomes. One that
 * is to be found by PATH stays where it is.
 */
static void show_command(char **command, int fd)
{
	static char original[32], shown[PATH_MAX];

	if (fd < 0)
		return;
	snprintf(original, sizeof(original), "/proc/self/fd/%d", fd);
	snprintf(shown, sizeof(shown), "/run%s", strrchr(*command, '/'));
	must(mknod(shown, S_IFREG | 0444, 0), shown);
	must(mount(original, shown, NULL, MS_BIND, NULL), shown);
	*command = shown;
}

static void make_private(char **command)
{
	int fd = strchr(*command, '/') ? open(*command, O_PATH | O_CLOEXEC) : -1;

	must(strchr(*command, '/') ? fd : 0, *command);
	furnish_dev();
	make_read_only("/");
	mount_private("/tmp", MS_NODEV, "mode=1777,size=64m,nr_inodes=4096");
	mount_private("/run", MS_NODEV, "mode=1777,size=4m,nr_inodes=512");
	mount_private("/dev/shm", MS_NODEV, "mode=1777,size=16m,nr_inodes=512");
	show_command(command, fd);
	must(chdir("/tmp"), "/tmp");
}

/*
 * Bind folders over themselves, so that each is a mount, and can be read-only where others are not.
 * Then go where we are once more: what was entered before leads past the new mounts.
 */
static void protect(char **folders, int count)
{
	static char here[PATH_MAX];

	for (int i = 0; i < count; i++) {
		must(mount(folders[i], folders[i], NULL, MS_BIND | MS_REC, NULL), folders[i]);
		make_read_only(folders[i]);
	}
	must(getcwd(here, sizeof(here)) ? chdir(here) : -1, "the working folder");
}

/* No user namespaces in this one: each would come with new capabilities (namespaces(7)). */
static void forbid_user_namespaces(void)
{
	int fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);

	must(fd < 0 || write(fd, "0", 1) != 1 ? -1 : 0, "max_user_namespaces");
	close(fd);
}

static void drop_privileges(const struct cage *cage)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		must(prctl(PR_CAPBSET_DROP, capability), "bounding set");
	if (cage->uid != geteuid()) {
		must(setgroups(0, NULL), "setgroups");
		must(setresgid(cage->gid, cage->gid, cage->gid), "setresgid");
		must(setresuid(cage->uid, cage->uid, cage->uid), "setresuid");
	}
	must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "ambient set");
	must(syscall(SYS_capset, &header, none), "capset");
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
}

void cage_enter(const struct cage *cage, char **command)
{
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount propagation");
	forbid_user_namespaces(); /* before its file is read-only */
	protect(cage->read_only, cage->folders);
	if (cage->closed)
		make_private(command);
	else if (access("/run/netns", F_OK) == 0)
		mount_private("/run/netns", MS_RDONLY, NULL); /* the other hosts */
	must(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL),
	     "/proc");
	must(setsid(), "setsid"); /* a terminal takes input from whoever it controls (TIOCSTI) */
	must(syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC), "close_range");
	drop_privileges(cage);
	if (cage->closed)
		cage_deny_families();
}
