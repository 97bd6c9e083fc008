#include "sandbox/become.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CANNOT_EXECUTE 126
#define NOT_FOUND 127
#define FIRST_LINE 256 /* bytes that the kernel looks at (BINPRM_BUF_SIZE) */

static int status_of(int error)
{
	return error == ENOENT ? NOT_FOUND : CANNOT_EXECUTE;
}

static void __attribute__((format(printf, 3, 4)))
refuse(struct refusal *refusal, int status, const char *format, ...)
{
	va_list arguments;

	refusal->status = status;
	va_start(arguments, format);
	vsnprintf(refusal->why, sizeof(refusal->why), format, arguments);
	va_end(arguments);
}

/* For a script the kernel starts the interpreter; if that is missing it only says ENOENT. */
static void look_at_interpreter(const char *path, struct refusal *refusal)
{
	char line[FIRST_LINE] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	char *interpreter;

	if (fd >= 0)
		close(fd);
	if (length < 0 || strncmp(line, "#!", 2) != 0)
		return;
	interpreter = line + 2 + strspn(line + 2, " \t");
	interpreter[strcspn(interpreter, " \t\n")] = '\0';
	if (!*interpreter || access(interpreter, X_OK) == 0)
		return;
	if (interpreter[strlen(interpreter) - 1] == '\r')
		refuse(refusal, NOT_FOUND, "its first line ends with CR LF; end it with LF");
	else
		refuse(refusal, status_of(errno), "its interpreter %s: %s", interpreter,
		       strerror(errno));
}

static void look_at(const char *path, struct refusal *refusal)
{
	struct stat file;

	if (stat(path, &file) < 0)
		refuse(refusal, status_of(errno), "%s", strerror(errno));
	else if (S_ISDIR(file.st_mode))
		refuse(refusal, CANNOT_EXECUTE, "it is a directory");
	else if (!(file.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
		refuse(refusal, CANNOT_EXECUTE, "it is not executable; run: chmod +x %s", path);
	else if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		refuse(refusal, CANNOT_EXECUTE, "%s", strerror(errno));
	else
		look_at_interpreter(path, refusal);
}

/* Try each place in PATH for a name, until one can be started. */
static void search(const char *name, struct refusal *refusal)
{
	const char *variable = getenv("PATH");
	char *folders = strdup(variable ? variable : "/bin:/usr/bin");
	char path[PATH_MAX];

	refuse(refusal, NOT_FOUND, "it is not in PATH");
	for (char *rest = folders, *folder; refusal->status && (folder = strsep(&rest, ":"));) {
		snprintf(path, sizeof(path), "%s/%s", *folder ? folder : ".", name);
		if (access(path, F_OK) < 0)
			continue;
		refusal->status = 0;
		look_at(path, refusal);
	}
	free(folders);
}

int cannot_start(const char *program, struct refusal *refusal)
{
	refusal->status = 0;
	if (strchr(program, '/') || !*program)
		look_at(program, refusal);
	else
		search(program, refusal);
	return refusal->status;
}

_Noreturn void become(const char *program, char **argv)
{
	struct refusal refusal;
	int error;

	execvp(program, argv);
	error = errno;
	if (!cannot_start(program, &refusal))
		refuse(&refusal, status_of(error), "%s",
		       error == ENOENT ? "the loader it needs is missing" : strerror(error));
	warnx("cannot start %s: %s", argv[0], refusal.why);
	_exit(refusal.status); /* the process that forked us flushes the streams */
}
