/* Sets up what a new sandbox lacks. */
#ifndef SANDBOX_FURNISH_H
#define SANDBOX_FURNISH_H

/*
 * Move this process to a network namespace with a socket table of its own, which namespaces created
 * there get, too. The machine's table, which they share otherwise, has some 262144 buckets, and
 * each count walks all of it. The size is set in a namespace made for that, so wherever this runs,
 * no other one changes. The table stays shared before Linux 6.1, and where the sysctl cannot be
 * written (no /proc, or it is read-only).
 */
void own_socket_table(void);

/*
 * In process 1 of the new namespaces: its own /proc, an empty /run with a place for `ip netns`, and
 * a loopback device that is up; LINGER_SANDBOX=1 tells every program where it runs. The working
 * folder stays. On failure: one sentence on stderr, exit 77.
 */
void furnish(void);

#endif
