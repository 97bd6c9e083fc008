/* SPDX-License-Identifier: MIT */
/* Unpacks compressed files, with the usual programs. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire/source.h"

extern char **environ;

/* The first bytes of a compressed file, and the program that unpacks it. */
static const struct packing {
	uint8_t magic[4];
	size_t length;
	const char *program;
} packings[] = {
    {{0x1f, 0x8b}, 2, "gzip"},
    {{0x28, 0xb5, 0x2f, 0xfd}, 4, "zstd"},
};

/* The first bytes in a pipe, which stay in it. */
static ssize_t peek(int fd, uint8_t *bytes, size_t size)
{
	int ends[2];
	ssize_t length;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	length = tee(fd, ends[1], size, 0);
	if (length > 0)
		length = read(ends[0], bytes, size);
	close(ends[0]);
	close(ends[1]);
	return length;
}

static const struct packing *packing_of(int fd)
{
	uint8_t begin[4] = {0};

	if (pread(fd, begin, sizeof(begin), 0) < 2 && peek(fd, begin, sizeof(begin)) < 2)
		return NULL;
	for (size_t i = 0; i < sizeof(packings) / sizeof(packings[0]); i++)
		if (!memcmp(begin, packings[i].magic, packings[i].length))
			return &packings[i];
	return NULL;
}

/* Let @program unpack @from. Returns the descriptor of its output, or -1 with @error. */
static int start(const char *program, int from, const char *path, pid_t *pid, struct error *error)
{
	char *words[] = {(char *)(uintptr_t)program, "-dc", NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], why;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(error, EXIT_BROKEN, "pipe: %s", strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, from, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	why = posix_spawnp(pid, program, &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (!why)
		return ends[0];
	close(ends[0]);
	*pid = 0;
	return error_set(error, EXIT_CANNOT,
			 "%s is compressed, but %s, which would unpack it, cannot start: %s; "
			 "install %s, or unpack the file",
			 path, program, strerror(why), program);
}

FILE *unpack_open(const char *path, pid_t *program, struct error *error)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	const struct packing *packing;
	int unpacked;
	FILE *file;

	*program = 0;
	if (fd < 0) {
		error_set(error, EXIT_USAGE, "cannot read the capture: %s: %s", path,
			  strerror(errno));
		return NULL;
	}
	packing = packing_of(fd);
	if (packing) {
		unpacked = start(packing->program, fd, path, program, error);
		close(fd);
		if (unpacked < 0)
			return NULL;
		fd = unpacked;
	}
	file = fdopen(fd, "rb");
	if (!file)
		error_no_memory(error);
	return file;
}

bool unpack_ended(pid_t program)
{
	int status;

	while (waitpid(program, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
