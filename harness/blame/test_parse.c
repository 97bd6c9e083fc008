/* SPDX-License-Identifier: MIT */
/* Parsing of /proc and of messages: lines as kernels have written them, and damaged ones. */
#include "blame/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "common/states.h"
#include "common/test.h"

static void a_mapping_of_code(void **state)
{
	static const char line[] = "7fb0bc026000-7fb0bc17b000 r-xp 00026000 fe:00 3411         "
				   "              /usr/lib/x86_64-linux-gnu/libc.so.6";
	struct mapping mapping;

	(void)state;
	assert_string_equal(maps_line(line, &mapping), "/usr/lib/x86_64-linux-gnu/libc.so.6");
	assert_int_equal(mapping.start, 0x7fb0bc026000);
	assert_int_equal(mapping.end, 0x7fb0bc17b000);
	assert_int_equal(mapping.offset, 0x26000);
}

static void code_without_a_file(void **state)
{
	struct mapping mapping;

	(void)state;
	assert_string_equal(maps_line("1000-2000 rwxp 00000000 00:00 0 ", &mapping), "");
	assert_string_equal(maps_line("1000-2000 r-xp 00000000 00:00 0      [vdso]", &mapping),
			    "[vdso]");
}

static void what_is_no_code(void **state)
{
	static const char *const lines[] = {"1000-2000 rw-p 00000000 00:00 0      [heap]",
					    "2000-1000 r-xp 0 00:00 0 /a",
					    "1000-2000 r-",
					    "1000",
					    "",
					    "x-y r-xp 0 0:0 0"};
	struct mapping mapping;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		assert_null(maps_line(lines[i], &mapping));
}

static void the_call_a_thread_waits_in(void **state)
{
	struct registers registers;
	long call;

	(void)state;
	assert_true(now_from("232 0x4 0x55c0 0x20 0xffffffff 0x0 0x8 0x7ffd10 0x7f3a20\n", &call,
			     &registers));
	assert_int_equal(call, SYS_epoll_wait);
	assert_int_equal(registers.value[REGISTER_RSP], 0x7ffd10);
	assert_int_equal(registers.value[REGISTER_RIP], 0x7f3a20);
	assert_int_equal(registers.known, 1u << REGISTER_RSP | 1u << REGISTER_RIP);
}

static void a_thread_that_waits_in_no_call(void **state)
{
	static const char *const texts[] = {"running\n", "-1 0x7ffd10 0x7f3a20\n", "", "232 0x4\n"};
	struct registers registers;
	long call;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_false(now_from(texts[i], &call, &registers));
}

static void a_line_of_the_table_of_sockets(void **state)
{
	uint32_t inode, unread;
	int socket_state;

	(void)state;
	assert_true(inet_line("   3: 0200000A:2328 0100000A:9C40 08 00000000:0000000A 00:00000000 "
			      "00000000  1000        0 8445729 1 ffff 20 4 30 10 -1",
			      &inode, &socket_state, &unread));
	assert_int_equal(inode, 8445729);
	assert_int_equal(socket_state, STATE_CLOSE_WAIT);
	assert_int_equal(unread, 10);
	assert_true(inet_line("  0: 00000000000000000000000001000000:0050 "
			      "00000000000000000000000000000000:0000 0A 00000000:00000003 "
			      "00:00000000 00000000     0        0 77 1",
			      &inode, &socket_state, &unread));
	assert_int_equal(socket_state, STATE_LISTEN);
	assert_int_equal(unread, 3);
}

static void what_is_no_socket(void **state)
{
	static const char *const lines[] = {
	    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid",
	    "   0: 0200000A:2328 0100000A:9C40 06 00000000:00000000 03:00000BB8 00000000 0 0 0 3 "
	    "ff",
	    "   0: 0200000A:2328 0100000A:9C40 0D 00000000:00000000 00:00000000 00000000 0 0 9 3 "
	    "ff",
	    "   0: 0200000A:2328", ""};
	uint32_t inode, unread;
	int socket_state;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		assert_false(inet_line(lines[i], &inode, &socket_state, &unread));
}

static void a_question_of_lines(void **state)
{
	uint64_t address;

	(void)state;
	assert_string_equal(lines_question("1f2e /usr/bin/a b", &address), "/usr/bin/a b");
	assert_int_equal(address, 0x1f2e);
	assert_null(lines_question("1f2e", &address));
	assert_null(lines_question("1f2e a", &address));
	assert_null(lines_question("/usr/bin/a 1f2e", &address));
	assert_null(lines_question("fffffffffffffffff /a", &address));
}

/* Whether a return address follows these bytes of code. */
static void what_a_call_looks_like(void **state)
{
	static const struct {
		uint8_t bytes[8];
		bool call;
	} codes[] = {
	    {{0x90, 0x90, 0x90, 0xe8, 0x10, 0x00, 0x00, 0x00}, true},  /* call rel32 */
	    {{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0}, true},  /* call *%rax */
	    {{0x90, 0x90, 0x90, 0x90, 0x90, 0x41, 0xff, 0xd4}, true},  /* call *%r12 */
	    {{0x90, 0x90, 0xff, 0x15, 0x10, 0x20, 0x00, 0x00}, true},  /* call *x(%rip) */
	    {{0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0x50, 0x18}, true},  /* call *24(%rax) */
	    {{0x90, 0xff, 0x94, 0x24, 0x80, 0x00, 0x00, 0x00}, true},  /* call *128(%rsp) */
	    {{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xe0}, false}, /* jmp *%rax */
	    {{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(codes); i++)
		assert_int_equal(guess_is_call(codes[i].bytes), codes[i].call);
}

static size_t passed(const void *control, size_t length, int fds[PASSED_MOST])
{
	uint8_t *copy = copy_of(control, length);
	size_t count = passed_descriptors(copy, length, fds);

	free(copy);
	return count;
}

static void descriptors_in_a_message(void **state)
{
	struct {
		struct cmsghdr credentials;
		uint8_t more[16];
		struct cmsghdr rights;
		int fds[2];
	} control = {
	    .credentials = {.cmsg_len = CMSG_LEN(12),
			    .cmsg_level = SOL_SOCKET,
			    .cmsg_type = SCM_CREDENTIALS},
	    .rights = {.cmsg_len = CMSG_LEN(8), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS},
	    .fds = {7, 9},
	};
	int fds[PASSED_MOST];

	(void)state;
	assert_int_equal(passed(&control, sizeof(control), fds), 2);
	assert_int_equal(fds[0], 7);
	assert_int_equal(fds[1], 9);
	assert_int_equal(passed(&control, sizeof(control) - 4, fds), 0); /* cut off */
	control.credentials.cmsg_len = 3;
	assert_int_equal(passed(&control, sizeof(control), fds), 0);
	assert_int_equal(passed(&control, 0, fds), 0);
}

static void calls_by_their_names(void **state)
{
	char text[24];

	(void)state;
	assert_string_equal(call_name(SYS_recvfrom, 0, text), "recv");
	assert_string_equal(call_name(SYS_epoll_ctl, 2, text), "EPOLL_CTL_DEL");
	assert_string_equal(call_name(SYS_epoll_ctl, 9, text), "epoll_ctl");
	assert_string_equal(call_name(9999, 0, text), "call 9999");
	assert_null(call_of(-1));
	assert_null(call_of(SYS_getpid));
}

static void what_a_process_does_with_a_signal(void **state)
{
	static const char status[] = "Name:\tx\nSigBlk:\t0000000000000000\n"
				     "SigIgn:\t0000000000001000\nSigCgt:\t0000000008000002\n";

	(void)state;
	assert_true(signal_is_ignored(status, SIGPIPE));
	assert_true(signal_is_ignored(status, SIGCHLD));   /* by default */
	assert_false(signal_is_ignored(status, SIGWINCH)); /* it has a handler */
	assert_false(signal_is_ignored(status, SIGTERM));
	assert_false(signal_is_ignored(status, SIGCONT)); /* after SIGSTOP it ends a wait */
	assert_false(signal_is_ignored("", SIGCHLD));
}

static void whose_child_it_is(void **state)
{
	struct orphan_status status = {0};

	(void)state;
	assert_true(orphan_status("Tgid:\t12\n", &status));
	assert_true(orphan_status("PPid:\t7\n", &status));
	assert_true(orphan_status("TracerPid:\t9\n", &status));
	assert_false(orphan_status("NSpid:\t5\n", &status));
	assert_int_equal(status.process, 12);
	assert_int_equal(status.parent, 7);
	assert_int_equal(status.tracer, 9);
}

static void what_a_connection_survives(void **state)
{
	static const struct {
		long end;
		int32_t result;
		long now;
		int32_t then;
		bool survived;
	} ends[] = {
	    {SYS_recvfrom, -EAGAIN, SYS_read, 5, true}, /* SO_RCVTIMEO, and then data came */
	    {SYS_recvfrom, -EAGAIN, SYS_read, -EAGAIN, false},
	    {SYS_recvfrom, -EAGAIN, SYS_sendto, 5,
	     false}, /* it may have sent a report of the timeout */
	    {SYS_sendto, -EAGAIN, SYS_write, 5, true},
	    {SYS_connect, -ECONNREFUSED, SYS_connect, 0, true},
	    {SYS_getsockopt, -ECONNREFUSED, SYS_write, 5, true},
	    {SYS_read, 0, SYS_write, 5, false}, /* EOF is the end, though the program may answer */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++) {
		struct touch end = {.call = (uint16_t)ends[i].end, .result = ends[i].result};
		struct touch now = {.call = (uint16_t)ends[i].now, .result = ends[i].then};

		assert_int_equal(end_survived(&end, &now), ends[i].survived);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_mapping_of_code),
	    cmocka_unit_test(code_without_a_file),
	    cmocka_unit_test(what_is_no_code),
	    cmocka_unit_test(the_call_a_thread_waits_in),
	    cmocka_unit_test(a_thread_that_waits_in_no_call),
	    cmocka_unit_test(a_line_of_the_table_of_sockets),
	    cmocka_unit_test(what_is_no_socket),
	    cmocka_unit_test(a_question_of_lines),
	    cmocka_unit_test(what_a_call_looks_like),
	    cmocka_unit_test(descriptors_in_a_message),
	    cmocka_unit_test(calls_by_their_names),
	    cmocka_unit_test(what_a_process_does_with_a_signal),
	    cmocka_unit_test(whose_child_it_is),
	    cmocka_unit_test(what_a_connection_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
