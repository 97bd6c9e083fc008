/* SPDX-License-Identifier: MIT */
/*
 * Linked with -Wl,--wrap=close,--wrap=send, as the workshop links a student's program, these calls of
 * its own pass here, and what may go wrong another time says so, as an event:
 *   - close() of a descriptor that is not open, EBADF: nothing comes of it, until another thread or a
 *     callback has the number meanwhile (close(2));
 *   - send() to a stream without MSG_NOSIGNAL: nothing comes of it, until the other end has reset the
 *     connection; then SIGPIPE ends the program (send(2)).
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "common/events.h"

int __real_close(int fd);
int __wrap_close(int fd);
ssize_t __real_send(int fd, const void *data, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t length, int flags);

static bool sigpipe_ends_it(void)
{
	struct sigaction action;

	return sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL;
}

int __wrap_close(int fd)
{
	int result = __real_close(fd);
	int error = errno;

	if (result < 0 && error == EBADF && fd >= 0)
		say("misuse call=close fd=%d err=%s", fd, error_of(result));
	errno = error;
	return result;
}

ssize_t __wrap_send(int fd, const void *data, size_t length, int flags)
{
	if (!(flags & MSG_NOSIGNAL) && sigpipe_ends_it())
		say("misuse call=send fd=%d err=-", fd);
	return __real_send(fd, data, length, flags);
}
