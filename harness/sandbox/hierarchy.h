/* Where the control groups are mounted, and in which of them this process is (cgroups(7)). */
#ifndef SANDBOX_HIERARCHY_H
#define SANDBOX_HIERARCHY_H

#include <stdbool.h>

/*
 * The folder of our own group, PATH_MAX bytes, in the hierarchy of a controller; "" stands for the
 * unified one. Returns false if it is not mounted, or our group is not below what is mounted.
 */
bool hierarchy_folder(const char *controller, char *folder);

#endif
