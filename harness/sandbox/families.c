/*
 * A network namespace does not hold everything: AF_VSOCK leads to the hypervisor, AF_UNIX to
 * whatever listens at a path of the host. io_uring makes sockets past this filter, so it goes, too.
 */
#include <err.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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
#define OTHER_TABLE 0x40000000 /* of system calls: x32, on x86-64 */

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)
/* Go on with the next instruction if the comparison holds, else skip one. */
#define UNLESS(comparison, value) BPF_JUMP(BPF_JMP | (comparison) | BPF_K, value, 0, 1)
#define FAIL(error) RETURN(SECCOMP_RET_ERRNO | (error))

void cage_deny_families(void)
{
	struct sock_filter filter[] = {
	    LOAD(arch),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
	    FAIL(ENOSYS), /* a foreign table of system calls */
	    LOAD(nr),
	    UNLESS(BPF_JGE, OTHER_TABLE),
	    FAIL(ENOSYS),
	    UNLESS(BPF_JEQ, SYS_io_uring_setup),
	    FAIL(ENOSYS),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0),
	    RETURN(SECCOMP_RET_ALLOW),
	    LOAD(args[0]), /* the lower half, of which the kernel takes an int */
	    UNLESS(BPF_JEQ, AF_INET),
	    RETURN(SECCOMP_RET_ALLOW),
	    UNLESS(BPF_JEQ, AF_INET6),
	    RETURN(SECCOMP_RET_ALLOW),
	    FAIL(EAFNOSUPPORT),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		err(EXIT_CANNOT, "cannot confine the program: seccomp");
}
