/*
 * Denies system calls to a confined program (seccomp(2)), against what namespaces and file modes do
 * not prevent:
 *
 *   - Modes with S_ISUID or S_ISGID, however a file gets them: a setuid program outlives every
 *     cage. openat2(2) and io_uring keep the mode in memory, where no filter looks.
 *   - Keyrings: they belong to the user and to the session, not to a namespace.
 *   - Input to a terminal that others read (TIOCSTI, TIOCLINUX).
 *   - Limits and scheduling of process 1, which has the same user and so would accept changes.
 *   - Calls that program the kernel: bpf(2), perf_event_open(2), userfaultfd(2).
 *   - System call tables of other architectures, where the numbers mean something else.
 *
 * A closed cage has only IPv4 and IPv6 sockets. AF_VSOCK leads to the hypervisor, AF_UNIX to
 * anything that listens on a path; so does a pair of datagram sockets, because each end may send
 * elsewhere. Permanently connected pairs (SOCK_STREAM, SOCK_SEQPACKET) remain. Only a control group
 * counts memory that no process has mapped, so without one that is denied, too.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sandbox/cage.h"
#include "sandbox/supervise.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#else
#error "name this machine's architecture as in linux/audit.h"
#endif
#define OTHER_TABLE 0x40000000 /* bit in system call numbers: x32, on x86-64 */

/* Newer than some distributions' headers; the same number on every architecture. */
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* The lower half, on machines that store it first; the kernel takes an int of every argument that
 * we check. */
#define ARGUMENT(n)                                                                                \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * (n))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define FAIL(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
/* Continue with the next instruction if the comparison holds, else skip this many. */
#define UNLESS(comparison, value, skipped)                                                         \
	BPF_JUMP(BPF_JMP | (comparison) | BPF_K, value, 0, skipped)

enum { LONGEST = 320 };

/* A filter under construction. Each rule ends with a verdict, or leaves the call's number
 * loaded. */
struct filter {
	struct sock_filter code[LONGEST];
	unsigned short length;
};

#define ADD(filter, ...)                                                                           \
	add(filter, (const struct sock_filter[]){__VA_ARGS__},                                     \
	    sizeof((const struct sock_filter[]){__VA_ARGS__}) / sizeof(struct sock_filter))

static void add(struct filter *filter, const struct sock_filter *code, size_t count)
{
	if (filter->length + count > LONGEST)
		errx(EXIT_BROKEN, "the system call filter is too long");
	for (size_t i = 0; i < count; i++)
		filter->code[filter->length++] = code[i];
}

static void deny(struct filter *filter, int call, int error)
{
	ADD(filter, UNLESS(BPF_JEQ, call, 1), FAIL(error));
}

/* Deny a call whose argument n is this value. */
static void deny_value(struct filter *filter, int call, int n, unsigned value, int error)
{
	ADD(filter, UNLESS(BPF_JEQ, call, 4), ARGUMENT(n), UNLESS(BPF_JEQ, value, 1), FAIL(error),
	    ALLOW);
}

/* Deny these bits in the mode, argument n. */
static void deny_mode(struct filter *filter, int call, int n)
{
	ADD(filter, UNLESS(BPF_JEQ, call, 4), ARGUMENT(n), UNLESS(BPF_JSET, S_ISUID | S_ISGID, 1),
	    FAIL(EPERM), ALLOW);
}

/* The same for open(2): argument n + 1 is a mode only if the flags, argument n, create a file. */
static void deny_open_mode(struct filter *filter, int call, int n)
{
	ADD(filter, UNLESS(BPF_JEQ, call, 6), ARGUMENT(n),
	    UNLESS(BPF_JSET, O_CREAT | (O_TMPFILE & ~O_DIRECTORY), 3), ARGUMENT(n + 1),
	    UNLESS(BPF_JSET, S_ISUID | S_ISGID, 1), FAIL(EPERM), ALLOW);
}

static void deny_other_tables(struct filter *filter)
{
	ADD(filter, LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
	    FAIL(ENOSYS), LOAD(nr), UNLESS(BPF_JGE, OTHER_TABLE, 1), FAIL(ENOSYS));
}

static void deny_setuid(struct filter *filter)
{
#ifdef SYS_open /* new architectures have openat(2) only, and so on */
	deny_open_mode(filter, SYS_open, 1);
	deny_mode(filter, SYS_creat, 1);
	deny_mode(filter, SYS_chmod, 1);
	deny_mode(filter, SYS_mkdir, 1);
	deny_mode(filter, SYS_mknod, 1);
#endif
	deny_open_mode(filter, SYS_openat, 2);
	deny(filter, SYS_openat2, ENOSYS);
	deny_mode(filter, SYS_fchmod, 1);
	deny_mode(filter, SYS_fchmodat, 2);
	deny_mode(filter, SYS_fchmodat2, 2);
	deny_mode(filter, SYS_mkdirat, 2);
	deny_mode(filter, SYS_mknodat, 2);
}

static void deny_process_1(struct filter *filter)
{
	static const int calls[] = {SYS_prlimit64, SYS_sched_setaffinity, SYS_sched_setattr,
				    SYS_sched_setparam, SYS_sched_setscheduler};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		deny_value(filter, calls[i], 0, 1, EPERM);
	deny_value(filter, SYS_setpriority, 1, 1, EPERM);
	deny_value(filter, SYS_ioprio_set, 1, 1, EPERM);
}

static void deny_ioctls(struct filter *filter)
{
	ADD(filter, UNLESS(BPF_JEQ, SYS_ioctl, 5), ARGUMENT(1),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCSTI, 1, 0), UNLESS(BPF_JEQ, TIOCLINUX, 1),
	    FAIL(EPERM), ALLOW);
}

static void deny_kernel(struct filter *filter)
{
	deny(filter, SYS_io_uring_setup, ENOSYS); /* programs can do without it */
	deny(filter, SYS_keyctl, EPERM);
	deny(filter, SYS_add_key, EPERM);
	deny(filter, SYS_request_key, EPERM);
	deny(filter, SYS_bpf, EPERM);
	deny(filter, SYS_perf_event_open, EPERM);
	deny(filter, SYS_userfaultfd, EPERM);
}

static void deny_families(struct filter *filter)
{
	ADD(filter, UNLESS(BPF_JEQ, SYS_socket, 5), ARGUMENT(0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0), UNLESS(BPF_JEQ, AF_INET6, 1), ALLOW,
	    FAIL(EAFNOSUPPORT));
	ADD(filter, UNLESS(BPF_JEQ, SYS_socketpair, 8), ARGUMENT(0), UNLESS(BPF_JEQ, AF_UNIX, 5),
	    ARGUMENT(1), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf) /* without SOCK_CLOEXEC &c. */,
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_STREAM, 1, 0),
	    UNLESS(BPF_JEQ, SOCK_SEQPACKET, 1), ALLOW, FAIL(EAFNOSUPPORT));
}

static void deny_hidden_memory(struct filter *filter)
{
	deny(filter, SYS_memfd_create, EPERM);
	deny(filter, SYS_memfd_secret, EPERM);
	deny(filter, SYS_shmget, ENOSPC);
}

void cage_deny_calls(bool closed, bool memory_counted)
{
	static struct filter filter;
	struct sock_fprog program = {.filter = filter.code};

	deny_other_tables(&filter);
	deny_setuid(&filter);
	deny_process_1(&filter);
	deny_ioctls(&filter);
	deny_kernel(&filter);
	if (closed)
		deny_families(&filter);
	if (closed && !memory_counted)
		deny_hidden_memory(&filter);
	ADD(&filter, ALLOW);
	program.len = filter.length;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		err(EXIT_CANNOT, "cannot confine the program: seccomp");
}
