/* The root of a mount namespace (mount_namespaces(7)). */
#ifndef SANDBOX_ROOT_H
#define SANDBOX_ROOT_H

/*
 * In a mount namespace just made: let no mount reach the one that it was copied from, and make what
 * we see as / its root. In a chroot that is another, and often no mount point: so nothing could be
 * made private from here, and the kernel permits no user namespaces (user_namespaces(7), EPERM).
 * The working folder stays. On failure: one sentence on stderr, exit 77.
 */
void own_root(void);

#endif
