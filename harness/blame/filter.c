/* SPDX-License-Identifier: MIT */
/*
 * The calls at which the kernel stops the program (seccomp(2), SECCOMP_RET_TRACE); all others run
 * at full speed. A filter cannot see pointers or file types, so it stops at every read(2), even of
 * a file; --sample makes it cheaper.
 */
#include "blame/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* The lower half, on little-endian machines. */
#define ARGUMENT(n)                                                                                \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                                                         \
		 (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (n)))
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)
#define EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)

/* What follows the list of calls; each ends with a verdict. */
enum tail { TRACE, FIRST, THIRD, FCNTL, TAILS };

static enum tail tail_of(const struct call *call)
{
	if (call->kind == CALL_FCNTL)
		return FCNTL;
	return call->descriptor == DESCRIPTOR_NONE ? TRACE : call->descriptor == 0 ? FIRST : THIRD;
}

unsigned short filter_build(unsigned int sample, struct sock_filter code[FILTER_MOST])
{
	const struct sock_filter head[] = {
	    LOAD(arch),
	    EQUAL(AUDIT_ARCH_X86_64, 1, 0), /* elsewhere the numbers mean something else */
	    RETURN(SECCOMP_RET_ALLOW),
	    LOAD(nr),
	};
	const struct sock_filter tails[] = {
	    RETURN(SECCOMP_RET_ALLOW), /* none of them */
	    RETURN(SECCOMP_RET_TRACE),
	    ARGUMENT(0), /* FIRST */
	    BPF_STMT(BPF_JMP | BPF_JA, 1),
	    ARGUMENT(2), /* THIRD */
	    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, sample - 1),
	    EQUAL(0, 4, 3),
	    ARGUMENT(1), /* FCNTL */
	    EQUAL(F_DUPFD, 2, 0),
	    EQUAL(F_DUPFD_CLOEXEC, 1, 0),
	    RETURN(SECCOMP_RET_ALLOW),
	    RETURN(SECCOMP_RET_TRACE),
	};
	static const uint8_t entry[TAILS] = {[TRACE] = 1, [FIRST] = 2, [THIRD] = 4, [FCNTL] = 7};
	unsigned short length = sizeof(head) / sizeof(head[0]), stopped = 0, at = 0;

	for (size_t i = 0; i < call_count; i++)
		stopped += call_is_followed(&calls[i]);
	memcpy(code, head, sizeof(head));
	for (size_t i = 0; i < call_count; i++) {
		if (!call_is_followed(&calls[i]))
			continue;
		at++; /* counted from after this jump, over the others, into the tail */
		code[length++] = (struct sock_filter)EQUAL(
		    (uint32_t)calls[i].number, (uint8_t)(stopped - at + entry[tail_of(&calls[i])]),
		    0);
	}
	memcpy(code + length, tails, sizeof(tails));
	return (unsigned short)(length + sizeof(tails) / sizeof(tails[0]));
}

static int set_filter(const struct sock_fprog *program)
{
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program);
}

int filter_install(unsigned int sample, struct error *error)
{
	struct sock_filter code[FILTER_MOST];
	struct sock_fprog program = {.len = filter_build(sample, code), .filter = code};
	int result = set_filter(&program);

	/* An ordinary user may filter only programs that gain no rights by exec (seccomp(2)). */
	if (result < 0 && errno == EACCES)
		result = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -1 : set_filter(&program);
	if (result < 0)
		return error_set(error, EXIT_CANNOT, "the kernel accepts no filter (seccomp): %s",
				 strerror(errno));
	return 0;
}
