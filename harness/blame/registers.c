/* SPDX-License-Identifier: MIT */
/* What is specific to the architecture: registers, and what a system call looks like. */
#include "blame/internal.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <linux/sched.h>

#ifdef __x86_64__

const bool registers_supported = true;

#define RESTART_NO_HANDLER (-514L) /* ERESTARTNOHAND of include/linux/errno.h */

int registers_read(pid_t tid, struct registers *registers)
{
	struct user_regs_struct all;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &all) < 0)
		return -1;
	*registers = (struct registers){
	    .value = {all.rax, all.rdx, all.rcx, all.rbx, all.rsi, all.rdi, all.rbp, all.rsp,
		      all.r8, all.r9, all.r10, all.r11, all.r12, all.r13, all.r14, all.r15,
		      all.rip},
	    .known = ~0u,
	};
	return 0;
}

uint64_t registers_clone_flags(pid_t tid)
{
	struct user_regs_struct all;
	uint64_t flags = 0;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &all) < 0)
		return 0;
	switch (all.orig_rax) {
	case SYS_clone:
		return all.rdi;
	case SYS_clone3: /* struct clone_args starts with them */
		return memory_copy(tid, all.rdi, &flags, sizeof(flags)) ? flags : 0;
	case SYS_vfork:
		return CLONE_VFORK | CLONE_VM;
	default:
		return 0;
	}
}

void registers_refuse(pid_t tid, int error)
{
	struct user_regs_struct all;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &all) < 0)
		return;
	all.orig_rax = ~0ull; /* no such call */
	all.rax = (uint64_t)-error;
	ptrace(PTRACE_SETREGS, tid, NULL, &all);
}

bool registers_interrupted(pid_t tid)
{
	errno = 0;
	return ptrace(PTRACE_PEEKUSER, tid, offsetof(struct user, regs.rax), NULL) == -EINTR &&
	       errno == 0 &&
	       ptrace(PTRACE_PEEKUSER, tid, offsetof(struct user, regs.orig_rax), NULL) >= 0;
}

void registers_restart(pid_t tid)
{
	ptrace(PTRACE_POKEUSER, tid, offsetof(struct user, regs.rax), RESTART_NO_HANDLER);
}

long registers_next_call(pid_t tid, const struct registers *registers, uint64_t argument[3])
{
	static const uint8_t instruction[] = {0x0f, 0x05};
	enum { RAX = 0, RDX = 1, RSI = 4, RDI = 5 };
	uint8_t bytes[2];

	if (!memory_copy(tid, registers->value[REGISTER_RIP], bytes, sizeof(bytes)) ||
	    bytes[0] != instruction[0] || bytes[1] != instruction[1])
		return -1;
	argument[0] = registers->value[RDI];
	argument[1] = registers->value[RSI];
	argument[2] = registers->value[RDX];
	return (long)registers->value[RAX];
}

#else /* start() says so, and nothing else is called */

const bool registers_supported = false;

int registers_read(pid_t tid, struct registers *registers)
{
	(void)tid, (void)registers;
	return -1;
}

uint64_t registers_clone_flags(pid_t tid)
{
	(void)tid;
	return 0;
}

void registers_refuse(pid_t tid, int error)
{
	(void)tid, (void)error;
}

bool registers_interrupted(pid_t tid)
{
	(void)tid;
	return false;
}

void registers_restart(pid_t tid)
{
	(void)tid;
}

long registers_next_call(pid_t tid, const struct registers *registers, uint64_t argument[3])
{
	(void)tid, (void)registers, (void)argument;
	return -1;
}

#endif
