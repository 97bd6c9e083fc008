/* The root of a mount namespace (mount_namespaces(7)). */
#ifndef SANDBOX_ROOT_H
#define SANDBOX_ROOT_H

/*
 * In a new mount namespace: let no mount reach the namespace it was copied from, and make our / its
 * root. In a chroot our / is not its root, and often no mount point: then nothing could be made
 * private from here, and the kernel permits no user namespaces (user_namespaces(7), EPERM). The
 * working folder stays. On failure: one sentence on stderr, exit 77.
 */
void own_root(void);

#endif
