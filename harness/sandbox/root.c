#include "sandbox/root.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/errors.h"

/* glibc's <sys/mount.h> conflicts with <linux/mount.h> before 2.36. */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
	  const void *data);
int umount2(const char *target, int flags);
#define MNT_DETACH 2

static int must(int result, const char *what)
{
	if (result < 0)
		err(EXIT_CANNOT, "cannot set up the sandbox's mounts: %s", what);
	return result;
}

/* Make / and everything mounted below it private. Returns false if / is not a mount point. */
static bool make_private(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		return true;
	must(errno == EINVAL ? 0 : -1, "propagation");
	return false;
}

/* Go to the root of the mount namespace, out of any chroot: setns(2) leads there. */
static bool go_to_root(void)
{
	int self = syscall(SYS_pidfd_open, getpid(), 0); /* /proc might not be mounted here */
	bool done = self >= 0 && setns(self, CLONE_NEWNS) == 0;

	if (self >= 0)
		close(self);
	return done;
}

/* Whether the folder is our /. */
static bool is_root(int folder)
{
	struct statx there, here;

	must(statx(folder, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &there), "statx");
	must(statx(AT_FDCWD, "/", 0, STATX_INO | STATX_MNT_ID, &here), "statx");
	return there.stx_ino == here.stx_ino && there.stx_mnt_id == here.stx_mnt_id;
}

/* Bind the folder, with everything mounted below it, to itself, and make that the root. */
static void become_root(int folder)
{
	int tree = must(syscall(SYS_open_tree, folder, "",
				OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH),
			"open_tree");

	must(syscall(SYS_move_mount, tree, "", folder, "",
		     MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
	     "move_mount");
	must(fchdir(tree), "the new root");
	must(syscall(SYS_pivot_root, ".", "."), "pivot_root"); /* now the old one covers it */
	must(umount2(".", MNT_DETACH), "the old root");
	close(tree);
}

void own_root(void)
{
	static char path[PATH_MAX];
	bool named = getcwd(path, sizeof(path));
	int here = must(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), "the working folder");
	int root = must(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "/");
	bool private = make_private();

	if (!go_to_root()) {
		/* Without CAP_SYS_CHROOT, say. A private tree may stay in its chroot. */
		must(private ? 0 : -1, "the way out of a chroot");
	} else if (!is_root(root)) {
		make_private();
		become_root(root);
		must(named ? chdir(path) : fchdir(here), "the working folder");
	} else {
		must(fchdir(here), "the working folder");
	}
	close(here);
	close(root);
}
