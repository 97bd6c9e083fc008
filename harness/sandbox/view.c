/* The files that a confined program sees. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/cage.h"
#include "sandbox/mounts.h"

enum { READ_ONLY = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };

/* Where programs, libraries and settings are; no home folders, and nothing that changes. */
static const char *const system_folders[] = {"/bin",	"/sbin", "/usr", "/lib", "/lib32", "/lib64",
					     "/libx32", "/etc",	 "/opt", "/nix", "/gnu"};
enum { FOLDERS = sizeof(system_folders) / sizeof(system_folders[0]) };

/* The absolute path of the program that execvp(3) would take, or NULL. */
static char *find_program(const char *name)
{
	const char *path = getenv("PATH");
	char candidate[PATH_MAX];

	if (strchr(name, '/'))
		return realpath(name, NULL);
	for (path = path ? path : "/bin:/usr/bin"; *path; path += strspn(path, ":")) {
		size_t length = strcspn(path, ":");

		snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)length, path, name);
		if (access(candidate, X_OK) == 0)
			return strdup(candidate);
		path += length;
	}
	return NULL;
}

/* Put a system folder, or the same link, into the new root, our working folder. */
static void show_system_folder(const char *path)
{
	char leads[PATH_MAX];
	ssize_t length = readlink(path, leads, sizeof(leads) - 1);
	const char *name = path + 1;

	if (length > 0) {
		leads[length] = 0;
		cage_must(symlink(leads, name), path);
	} else if (access(path, F_OK) == 0) {
		make_path(name, false);
		mount_bind(path, name);
		mount_restrict(name, READ_ONLY, true);
	}
}

static void furnish(void)
{
	static const char processors[] = "/sys/devices/system/cpu";

	for (int i = 0; i < FOLDERS; i++)
		show_system_folder(system_folders[i]);
	if (access(processors, F_OK) == 0) {
		make_path(processors + 1, false);
		mount_bind(processors, processors + 1);
		mount_restrict(processors + 1, READ_ONLY, true);
	}
	make_path("dev", false);
	mount_dev("dev", NULL);
	make_path("dev/shm", false);
	mount_restrict("dev", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC, false);
	mount_private("dev/shm", 0, "mode=1777,size=16m,nr_inodes=512");
	make_path("tmp", false);
	mount_private("tmp", 0, "mode=1777,size=64m,nr_inodes=4096");
	make_path("run", false);
	mount_private("run", 0, "mode=1777,size=4m,nr_inodes=512");
	make_path("proc", false);
	mount_proc("proc"); /* while the caller's is visible: the kernel requires one */
	make_path("old", false);
}

/* Show a descriptor's file at the same path as outside, but nothing else on the way. */
static void show(int fd, const char *path, bool file)
{
	char original[32];

	snprintf(original, sizeof(original), "/proc/self/fd/%d", fd);
	make_path(path, file);
	mount_bind(original, path);
	mount_restrict(path, READ_ONLY, true);
}

/* A descriptor to find a file again, or -1; the command may be a folder, or not exist. */
static int open_file(const char *path)
{
	struct stat status;

	if (!path || stat(path, &status) < 0 || !S_ISREG(status.st_mode))
		return -1;
	return open(path, O_PATH | O_CLOEXEC);
}

void view_close(struct cage *cage)
{
	int *folders = calloc(cage->shown_count + 1, sizeof(*folders));
	char **paths = calloc(cage->shown_count + 1, sizeof(*paths));
	char *program = find_program(cage->command);
	int fd = open_file(program);

	cage_must(folders && paths ? 0 : -1, "calloc");
	for (int i = 0; i < cage->shown_count; i++) {
		paths[i] = realpath(cage->shown[i], NULL);
		folders[i] = open(cage->shown[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		cage_must(paths[i] ? folders[i] : -1, cage->shown[i]);
	}
	/* Any folder would do; the descriptors above still reach what is in this one. */
	mount_private("/tmp", 0, "mode=755,size=1m,nr_inodes=1024");
	cage_must(chdir("/tmp"), "/tmp");
	furnish();
	cage_must(syscall(SYS_pivot_root, ".", "old"), "pivot_root");
	cage_must(chdir("/"), "/");
	for (int i = 0; i < cage->shown_count; i++)
		show(folders[i], paths[i], false);
	if (fd >= 0) {
		if (access(program, F_OK) < 0)
			show(fd, program, true);
		cage->command = program;
	}
	cage_must(umount2("/old", MNT_DETACH), "/old");
	cage_must(rmdir("/old"), "/old");
	mount_restrict("/", MOUNT_ATTR_RDONLY, false);
	cage_must(chdir("/tmp"), "/tmp");
}

/* Whether a path is a mount point, so that nobody here can rename or remove it. */
static bool is_mounted(const char *path)
{
	struct statx status;

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0, &status) == 0 &&
	       status.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

/*
 * Make one folder read-only, with its own mount. Each folder that leads there becomes a mount, too.
 * Otherwise the program could rename one of them and put another tree in its place, at the same
 * path.
 */
static void protect(const char *folder)
{
	char *path = realpath(folder, NULL);

	cage_must(path ? 0 : -1, folder);
	for (char *slash = path; slash;) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = 0;
		if (!is_mounted(path) || !slash)
			mount_bind(path, path);
		if (slash)
			*slash = '/';
	}
	mount_restrict(path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, true);
	free(path);
}

static bool is_one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(word, *words) != 0)
		words++;
	return *words;
}

static bool is_below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 && (!path[length] || path[length] == '/');
}

/* Undo the escapes of a path in /proc/self/mountinfo: three octal digits. */
static void unescape(char *path)
{
	char *to = path;

	for (const char *from = path; *from; to++) {
		unsigned value;

		if (sscanf(from, "\\%3o", &value) == 1) {
			*to = (char)value;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = 0;
}

/*
 * Some file systems control the kernel, and uid 0 needs no capability for that: they become
 * read-only wherever they are mounted. Others show the caller's processes and terminals: they
 * disappear. What we cannot reach, the program cannot reach either.
 */
static void mute_kernel(void)
{
	static const char *const told[] = {
	    "sysfs",	"cgroup",   "cgroup2", "debugfs",     "tracefs", "securityfs", "bpf",
	    "configfs", "efivarfs", "pstore",  "binfmt_misc", "mqueue",	 "fusectl",    NULL};
	static const char *const showing[] = {"proc", "devpts", NULL};
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char path[PATH_MAX], type[64];

	cage_must(mounts ? 0 : -1, "/proc/self/mountinfo");
	/* proc_pid_mountinfo(5): the optional fields end with a hyphen. */
	while (fscanf(mounts, "%*s %*s %*s %*s %4095s %*[^-]- %63s %*[^\n]", path, type) == 2) {
		unescape(path);
		if (is_below(path, "/proc") || is_below(path, "/dev") || access(path, F_OK) < 0)
			continue; /* the first two are replaced, with everything below */
		if (is_one_of(type, told))
			mount_restrict(path, MOUNT_ATTR_RDONLY, false);
		else if (is_one_of(type, showing))
			mount_private(path, MS_RDONLY, NULL);
	}
	fclose(mounts);
}

/* The caller's /dev has the caller's terminals; this one has what is needed, and creates new
 * ones. */
static void replace_dev(void)
{
	static const char *const own[] = {"tty", "shm", "log", NULL};
	static const char here[] = "/tmp"; /* for a moment; any folder would do */

	mount_dev(here, own);
	make_path("/tmp/pts", false);
	cage_must(mount("devpts", "/tmp/pts", "devpts", MS_NOSUID | MS_NOEXEC,
			"newinstance,ptmxmode=0666,mode=0620"),
		  "/dev/pts");
	cage_must(symlink("pts/ptmx", "/tmp/ptmx"), "/dev/ptmx");
	mount_restrict(here, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC, false);
	cage_must(mount(here, "/dev", NULL, MS_MOVE, NULL), "/dev");
}

void view_open(const struct cage *cage)
{
	static char here[PATH_MAX];

	for (int i = 0; i < cage->read_only_count; i++)
		protect(cage->read_only[i]);
	mute_kernel();
	if (access("/run/netns", F_OK) == 0)
		mount_private("/run/netns", MS_RDONLY, NULL); /* the other hosts */
	replace_dev();
	mount_proc("/proc");
	/* The old working folder leads past the new mounts. */
	cage_must(getcwd(here, sizeof(here)) ? chdir(here) : -1, "the working folder");
}
