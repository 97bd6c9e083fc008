/* SPDX-License-Identifier: MIT */
#include "common/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/rights.h"

static int open_netns(const char *netns, struct error *error)
{
	char path[4096];
	int fd;

	/* ip-netns(8) keeps its namespaces in /run/netns. */
	if (snprintf(path, sizeof(path), "%s%s", strchr(netns, '/') ? "" : "/run/netns/", netns) >=
	    (int)sizeof(path))
		return error_set(error, EXIT_USAGE, "the path of the namespace is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return error_set(error, EXIT_CANNOT,
				 "not permitted to open the namespace %s: run %s as the user it "
				 "belongs to, or %s",
				 path, program_invocation_short_name,
				 rights_remedy(CAP_SYS_PTRACE));
	if (fd < 0)
		return error_set(error, EXIT_USAGE, "no namespace %s: %s", path, strerror(errno));
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
		close(fd);
		return error_set(error, EXIT_USAGE, "%s is not a network namespace", path);
	}
	return fd;
}

int netns_visit(const char *netns, struct netns_id *id,
		int (*open_there)(void *data, struct error *error), void *data, struct error *error)
{
	struct stat here, there;
	int result = -1;
	int home = -1;
	int fd = open_netns(netns, error);

	if (fd < 0)
		return -1;
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0 || fstat(home, &here) < 0 || fstat(fd, &there) < 0) {
		error_set(error, EXIT_CANNOT, "cannot read our own namespace in /proc: %s",
			  strerror(errno));
		goto out;
	}
	if (id)
		*id = (struct netns_id){there.st_dev, there.st_ino};

	/* Our own namespace needs no privilege. */
	if (here.st_dev == there.st_dev && here.st_ino == there.st_ino) {
		result = open_there(data, error);
		goto out;
	}
	if (setns(fd, CLONE_NEWNET) < 0) {
		error_set(error, errno == EPERM ? EXIT_CANNOT : EXIT_BROKEN,
			  "cannot enter the network namespace %s (%s): run %s inside the sandbox "
			  "that made it, or %s",
			  netns, strerror(errno), program_invocation_short_name,
			  rights_remedy(CAP_SYS_ADMIN));
		goto out;
	}
	result = open_there(data, error);
	if (setns(home, CLONE_NEWNET) < 0)
		result = error_set(error, EXIT_BROKEN, "cannot return to our namespace: %s",
				   strerror(errno));
out:
	if (home >= 0)
		close(home);
	close(fd);
	return result;
}
