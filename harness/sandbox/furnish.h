/* Sets up what a new sandbox lacks. */
#ifndef SANDBOX_FURNISH_H
#define SANDBOX_FURNISH_H

/*
 * In process 1 of the new namespaces: its own /proc, an empty /run with a place for `ip netns`, and
 * a loopback device that is up; LINGER_SANDBOX=1 tells every program where it runs. The working
 * folder stays. On failure: one sentence on stderr, exit 77.
 */
void furnish(void);

#endif
