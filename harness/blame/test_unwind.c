/* SPDX-License-Identifier: MIT */
/* The stack of a child that stops in known functions, with and without its registers. */
#include "blame/internal.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/test.h"

/* Each calls the next and does something afterwards, so that no frame is optimised away. */
__attribute__((noinline, noclone)) static int innermost(int how)
{
	if (how == 0)
		raise(SIGSTOP);
	else
		pause();
	return how + 1;
}

__attribute__((noinline, noclone)) static int middle(int how)
{
	volatile char room[200];

	room[how & 1] = 1;
	return innermost(how) + room[0];
}

static void handler(int number)
{
	volatile int done = middle(number == SIGUSR1 ? 0 : 1);

	(void)done;
}

static pid_t child_of(void (*body)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSTOPPED(status));
	return child;
}

static void end(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* Whether a frame is in @function. */
static bool passes(const struct frame *frames, size_t count, const char *function)
{
	char *questions = NULL, *answers = NULL, wanted[64];
	struct error error;
	size_t size;
	bool found;
	FILE *in;

	in = open_memstream(&questions, &size);
	for (size_t i = 0; i < count; i++)
		if (frames[i].module)
			fprintf(in, "%lx %s\n", (unsigned long)frames[i].address,
				module_path(frames[i].module));
	fclose(in);
	in = fmemopen(questions, size, "r");
	answers = WRITTEN(out, assert_int_equal(lines(in, out, NULL, &error), 0));
	fclose(in);
	snprintf(wanted, sizeof(wanted), "\"function\":\"%s\"", function);
	found = strstr(answers, wanted);
	free(questions);
	free(answers);
	return found;
}

__attribute__((noinline, noclone)) static void stop_here(void)
{
	volatile int done = middle(0);

	(void)done;
}

static void stop_in_a_handler(void)
{
	signal(SIGUSR2, SIG_IGN);
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
}

static void check_stopped(void (*body)(void), const char *outermost)
{
	pid_t child = child_of(body);
	struct registers registers;
	struct frame frames[DEPTH];
	struct maps maps = {0};
	size_t count;
	int status;

	if (body == stop_in_a_handler) { /* it stopped for the signal; deliver that */
		ptrace(PTRACE_CONT, child, NULL, SIGUSR1);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(WSTOPSIG(status), SIGSTOP);
	}
	assert_int_equal(registers_read(child, &registers), 0);
	count = unwind(&maps, child, &registers, NULL, frames);
	assert_true(passes(frames, count, "innermost"));
	assert_true(passes(frames, count, "middle"));
	assert_true(passes(frames, count, outermost));
	assert_true(passes(frames, count, "main"));
	free(maps.mapping);
	end(child);
}

static void a_stack_from_its_registers(void **state)
{
	(void)state;
	check_stopped(stop_here, "stop_here");
}

static void a_stack_through_a_signal(void **state)
{
	(void)state;
	check_stopped(stop_in_a_handler, "handler");
}

/* Only rsp and rip are known of a thread that is not stopped. */
static void a_stack_from_what_proc_tells(void **state)
{
	pid_t child = child_of(stop_here);
	struct registers registers;
	struct frame frames[DEPTH];
	struct maps maps = {0};
	size_t count;

	(void)state;
	assert_int_equal(registers_read(child, &registers), 0);
	registers.known = 1u << REGISTER_RSP | 1u << REGISTER_RIP;
	registers.value[REGISTER_RBP] = registers.value[REGISTER_RBX] = 0xbad;
	count = unwind(&maps, child, &registers, NULL, frames);
	assert_true(passes(frames, count, "middle"));
	assert_true(passes(frames, count, "main"));
	free(maps.mapping);
	end(child);
}

static void what_cannot_be_read_ends_the_stack(void **state)
{
	struct registers registers = {.known = ~0u};
	struct frame frames[DEPTH];
	struct maps maps = {0};

	(void)state;
	registers.value[REGISTER_RIP] = 0x10;
	assert_int_equal(unwind(&maps, getpid(), &registers, NULL, frames), 0);
	registers.value[REGISTER_RIP] = (uint64_t)(uintptr_t)&innermost;
	registers.value[REGISTER_RSP] = 0x10;
	assert_int_equal(unwind(&maps, getpid(), &registers, NULL, frames), 1);
	free(maps.mapping);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_stack_from_its_registers),
	    cmocka_unit_test(a_stack_through_a_signal),
	    cmocka_unit_test(a_stack_from_what_proc_tells),
	    cmocka_unit_test(what_cannot_be_read_ends_the_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
