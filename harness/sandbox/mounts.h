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

/* Mount a new tmpfs, of these options. This and the rest: on failure one sentence, exit 77. */
void mount_private(const char *target, unsigned long flags, const char *options);

/* Bind what is at source, and all that is mounted below it, to target. */
void mount_bind(const char *source, const char *target);

/* Set attributes (MOUNT_ATTR_...) of what is mounted at a path; recursive: also below it. */
void mount_restrict(const char *path, unsigned long attributes, bool recursive);

/* Mount this pid namespace's processes, which cannot be written. */
void mount_proc(const char *target);

/* Make the folders that lead to a path, where they are missing; with file: the path, an empty file.
 */
void make_path(const char *path, bool file);

/*
 * Mount a /dev with what any program needs, and no terminal and no disk. own: of the caller's /dev,
 * names that are seen too, if they exist; NULL ends them.
 */
void mount_dev(const char *target, const char *const *own);

#endif
