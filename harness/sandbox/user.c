/*
 * sandbox-user: run a command as root of its own user namespace, with every capability there.
 *
 * It is for root without CAP_SYS_ADMIN, as in a container. The new namespace maps each user and
 * group of the caller's to itself, so that a server can still become another user and a file can
 * change its owner; unshare --map-current-user would map only root. A caller that may not map
 * others (without CAP_SETUID or CAP_SETGID) is mapped alone here, too.
 *
 * Where it cannot work: one sentence, exit 77. It distinguishes a refusal by seccomp(2), which
 * container engines and systemd use, from one by the kernel.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/command.h"
#include "common/descriptors.h"

#define LONGEST 4096 /* bytes of a map, which the kernel takes only in one write */

static const struct command command = {
    .name = "sandbox-user",
    .usage = "COMMAND [ARGUMENT]...",
    .summary = "Runs a command as root of a new user namespace that maps the caller's users.",
};

/* Write a file of the process in the new namespace; returns false with errno. */
static bool write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd;
	bool written;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	written = write(fd, text, strlen(text)) >= 0;
	close(fd);
	return written;
}

/* Map all ids of our own namespace to themselves for the process (user_namespaces(7)). */
static bool map_all(pid_t pid, const char *name)
{
	char path[64], text[LONGEST] = "";
	unsigned first, count;
	size_t length = 0;
	FILE *known;

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	known = fopen(path, "re");
	if (!known)
		return false;
	while (fscanf(known, "%u %*u %u", &first, &count) == 2 && length < sizeof(text))
		length += snprintf(text + length, sizeof(text) - length, "%u %u %u\n", first, first,
				   count);
	fclose(known);
	return write_file(pid, name, text);
}

static bool map_one(pid_t pid, const char *name, unsigned id)
{
	char text[64];

	snprintf(text, sizeof(text), "%u %u 1\n", id, id);
	return write_file(pid, name, text);
}

/* Only a process outside may map ids other than its own. */
static void map(pid_t pid)
{
	if (!map_all(pid, "uid_map") && !map_one(pid, "uid_map", geteuid()))
		err(EXIT_CANNOT, "write failed uid_map");
	if (map_all(pid, "gid_map"))
		return;
	if (!write_file(pid, "setgroups", "deny") || !map_one(pid, "gid_map", getegid()))
		err(EXIT_CANNOT, "write failed gid_map");
}

/*
 * Whether a filter answers unshare(2) before the kernel does: the kernel checks flags before
 * rights, and one of these flags is invalid.
 */
static bool filtered(void)
{
	return unshare(CLONE_NEWUSER | CLONE_PARENT) < 0 && errno != EINVAL;
}

static void enter(void)
{
	int error;

	if (unshare(CLONE_NEWUSER) == 0)
		return;
	error = errno;
	errx(EXIT_CANNOT, "unshare failed: %s%s", strerror(error),
	     filtered() ? ", by a seccomp filter" : "");
}

int main(int argc, char **argv)
{
	struct error error;
	int first = command_parse(&command, argc, argv, NULL, &error);
	pid_t outside, inside = getpid();
	int entered[2], status;
	char go;

	if (first <= 0)
		return command_ended(first, &error);
	if (first == argc)
		errx(EXIT_USAGE, "a command is missing: see sandbox-user --help");
	open_standard_descriptors();
	if (pipe2(entered, O_CLOEXEC) < 0)
		err(EXIT_BROKEN, "pipe");
	outside = fork();
	if (outside < 0)
		err(EXIT_BROKEN, "fork");
	if (outside == 0) {
		close(entered[1]);
		if (read(entered[0], &go, 1) == 1)
			map(inside);
		_exit(0);
	}
	close(entered[0]);
	enter();
	if (write(entered[1], "", 1) != 1)
		err(EXIT_BROKEN, "pipe");
	if (waitpid(outside, &status, 0) < 0 || !WIFEXITED(status))
		errx(EXIT_BROKEN, "the process that maps users was killed");
	if (WEXITSTATUS(status))
		return WEXITSTATUS(status); /* it has reported why */
	execvp(argv[first], argv + first);
	err(EXIT_CANNOT, "cannot start %s", argv[first]);
}
