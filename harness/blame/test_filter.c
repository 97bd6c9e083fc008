/* SPDX-License-Identifier: MIT */
/* The calls at which a program is stopped: the filter, run as the kernel runs it (seccomp(2)). */
#include "blame/internal.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "common/test.h"

/* The filter's verdict on a call. */
static uint32_t verdict(unsigned int sample, const struct seccomp_data *data)
{
	struct sock_filter code[FILTER_MOST];
	unsigned short length = filter_build(sample, code);
	uint32_t value = 0;

	for (size_t at = 0; at < length; at++) {
		const struct sock_filter *one = &code[at];

		switch (one->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&value, (const char *)data + one->k, sizeof(value));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			value &= one->k;
			break;
		case BPF_JMP | BPF_JA:
			at += one->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += value == one->k ? one->jt : one->jf;
			break;
		case BPF_RET | BPF_K:
			return one->k;
		default:
			fail_msg("an instruction that the test does not know: %#x", one->code);
		}
	}
	fail_msg("the filter ends without a verdict");
	return 0;
}

static bool stops(unsigned int sample, long number, uint64_t first, uint64_t second, uint64_t third)
{
	struct seccomp_data data = {
	    .nr = (int)number, .arch = AUDIT_ARCH_X86_64, .args = {first, second, third}};

	return verdict(sample, &data) == SECCOMP_RET_TRACE;
}

static void each_call_of_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < call_count; i++) {
		bool wanted = calls[i].kind != CALL_WAIT && calls[i].kind != CALL_FORK;

		if (calls[i].kind != CALL_FCNTL)
			assert_int_equal(stops(1, calls[i].number, 5, 5, 5), wanted);
	}
}

static void no_other_call(void **state)
{
	(void)state;
	for (long number = 0; number < 600; number++)
		if (!call_of(number))
			assert_false(stops(1, number, 0, F_DUPFD, 0));
}

static void only_a_fcntl_that_copies(void **state)
{
	(void)state;
	assert_true(stops(1, SYS_fcntl, 5, F_DUPFD, 0));
	assert_true(stops(8, SYS_fcntl, 5, F_DUPFD_CLOEXEC, 0));
	assert_false(stops(1, SYS_fcntl, 5, F_SETFL, 0));
}

static void a_sample_is_by_descriptor(void **state)
{
	(void)state;
	assert_true(stops(8, SYS_read, 16, 1, 1));
	assert_false(stops(8, SYS_read, 17, 1, 1));
	assert_true(stops(8, SYS_epoll_ctl, 1, 1, 16)); /* there it is the third argument */
	assert_false(stops(8, SYS_epoll_ctl, 16, 1, 17));
	assert_true(stops(8, SYS_accept4, 17, 0, 0)); /* the new one is not known yet */
}

static void another_table_of_calls(void **state)
{
	struct seccomp_data data = {.nr = SYS_read, .arch = AUDIT_ARCH_I386};

	(void)state;
	assert_int_equal(verdict(1, &data), SECCOMP_RET_ALLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_call_of_the_table),	cmocka_unit_test(no_other_call),
	    cmocka_unit_test(only_a_fcntl_that_copies), cmocka_unit_test(a_sample_is_by_descriptor),
	    cmocka_unit_test(another_table_of_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
