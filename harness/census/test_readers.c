/* SPDX-License-Identifier: MIT */
/* What descriptors lead to; and many processes, listed in threads as one by one. */
#include "census/listing.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/test.h"

#define CHILDREN 130 /* enough for four threads */

static void a_target_tells_what_it_is(void **state)
{
	uint32_t inode;

	(void)state;
	assert_int_equal(leads_of("socket:[4294967295]", &inode), LEADS_TO_SOCKET);
	assert_int_equal(inode, UINT32_MAX);
	assert_int_equal(leads_of("anon_inode:[io_uring]", &inode), LEADS_TO_RING);
	assert_int_equal(leads_of("net:[4026531840]", &inode), LEADS_TO_NETNS);
	assert_int_equal(leads_of("pipe:[7]", &inode), LEADS_ELSEWHERE);
	assert_int_equal(leads_of("/tmp/socket:[7]", &inode), LEADS_ELSEWHERE);
	assert_int_equal(leads_of("", &inode), LEADS_ELSEWHERE);
	assert_int_equal(inode, 0);
}

/* Each child has one socket more than those before it, modulo ten. */
static pid_t child(int number)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < number % 10; i++)
			socket(AF_INET, SOCK_STREAM, 0);
		close(ready[0]);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	return pid;
}

static size_t sockets_of(const struct listing *listing)
{
	size_t sockets = 0;

	for (size_t i = 0; i < listing->count; i++)
		sockets += listing->descriptors[i].leads == LEADS_TO_SOCKET;
	return sockets;
}

static void end(const pid_t *children)
{
	for (int i = 0; i < CHILDREN; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
}

static void all_processes_are_listed_once(void **state)
{
	pid_t children[CHILDREN];
	struct readers *readers;
	struct listing listing = listing_read(getpid());
	const size_t inherited = sockets_of(&listing);
	int met = 0;

	(void)state;
	listing_free(&listing);
	for (int i = 0; i < CHILDREN; i++)
		children[i] = child(i);
	readers = readers_begin();
	assert_non_null(readers);
	while (readers_next(readers, &listing)) {
		assert_int_not_equal(listing.pid, getpid());
		for (int i = 0; i < CHILDREN; i++)
			if (children[i] == listing.pid) {
				met++;
				assert_int_equal(sockets_of(&listing), inherited + i % 10);
			}
		listing_free(&listing);
	}
	readers_end(readers);
	end(children);
	assert_int_equal(met, CHILDREN);
}

/* Under ASan a listing that nobody took is a leak unless the end frees it. */
static void the_end_may_come_early(void **state)
{
	struct readers *readers = readers_begin();
	struct listing listing;

	(void)state;
	assert_non_null(readers);
	assert_true(readers_next(readers, &listing));
	listing_free(&listing);
	readers_end(readers);
	readers_end(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_target_tells_what_it_is),
	    cmocka_unit_test(all_processes_are_listed_once),
	    cmocka_unit_test(the_end_may_come_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
