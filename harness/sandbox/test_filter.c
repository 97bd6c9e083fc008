/* SPDX-License-Identifier: MIT */
/* Which sockets a confined program gets. Each test confines a child, because it is irreversible. */
#include "sandbox/cage.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/test.h"

/* The errno of opening a socket of @family, perhaps @confined; 0: it opens. */
static int errno_of_socket(int family, bool confined)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (confined)
			cage_deny_calls(true, true);
		_exit(socket(family, SOCK_STREAM, 0) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void only_those_of_the_internet(void **state)
{
	(void)state;
	assert_int_equal(errno_of_socket(AF_INET, true), 0);
	assert_int_equal(errno_of_socket(AF_INET6, true), errno_of_socket(AF_INET6, false));
	assert_int_equal(errno_of_socket(AF_UNIX, false), 0);
	assert_int_equal(errno_of_socket(AF_UNIX, true), EAFNOSUPPORT);
	assert_int_equal(errno_of_socket(AF_NETLINK, true), EAFNOSUPPORT);
	assert_int_equal(errno_of_socket(AF_VSOCK, true), EAFNOSUPPORT);
}

static void and_no_way_around(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		cage_deny_calls(true, true);
		_exit(syscall(SYS_io_uring_setup, 1, NULL) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), ENOSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_those_of_the_internet),
	    cmocka_unit_test(and_no_way_around),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
