/* mount(2) and mount_setattr(2); glibc's <sys/mount.h> excludes <linux/mount.h> before 2.36. */
#ifndef SANDBOX_MOUNTS_H
#define SANDBOX_MOUNTS_H

#include <linux/mount.h>
#include <stdbool.h>

int mount(const char *source, const char *target, const char *type, unsigned long flags,
	  const void *data);
int umount2(const char *target, int flags);
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif

/* Mount a new tmpfs with these options. On failure this and the rest print one sentence and exit
 * 77. */
void mount_private(const char *target, unsigned long flags, const char *options);

/* Bind source, and everything mounted below it, to target. */
void mount_bind(const char *source, const char *target);

/* Set attributes (MOUNT_ATTR_...) of the mount at a path; recursive: also below it. */
void mount_restrict(const char *path, unsigned long attributes, bool recursive);

/* Mount this pid namespace's /proc, read-only. */
void mount_proc(const char *target);

/* Make the missing folders that lead to a path; with file: the path as an empty file.
 */
void make_path(const char *path, bool file);

/*
 * Mount a /dev with what any program needs, without terminals and disks. own: further names to show
 * from the caller's /dev, if they exist; NULL ends them.
 */
void mount_dev(const char *target, const char *const *own);

#endif
