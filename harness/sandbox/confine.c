/*
 * confine: run a program of somebody who is still learning.
 *
 *     usage: confine [-m megabytes] PROGRAM [ARGUMENT]...
 *
 * Inside the sandbox, whose network is private already. Here the program also loses every
 * capability (so it stays in its namespaces and looks into no process of the harness), the right to
 * write any file (so the evidence is the harness's alone), and more time, memory and processes than
 * an exercise needs. Where the caller is root it becomes nobody: it can then signal nobody else,
 * and the limit of processes, from which root is exempt (setrlimit(2)), holds. It replaces itself
 * by the program, so pid, exit status and signals are the program's.
 *
 * -m 0: no limit of memory, for AddressSanitizer, which reserves terabytes of addresses.
 * Ends with 77 when the kernel cannot do it, 70 when it refuses, 2 on wrong usage.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CANNOT_RUN 77
#define HARNESS_BROKE 70
#define NOBODY 65534
#define CPU_SECONDS 5
#define PROCESSES 64
#define PROCESSES_OF_A_USER 256 /* whose count includes the harness's own */

static void limit(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit now;

	if (getrlimit(resource, &now) < 0)
		err(HARNESS_BROKE, "getrlimit");
	now.rlim_max = hard < now.rlim_max ? hard : now.rlim_max;
	now.rlim_cur = soft < now.rlim_max ? soft : now.rlim_max;
	if (setrlimit(resource, &now) < 0)
		err(HARNESS_BROKE, "setrlimit");
}

/* A view of the same files, of which none can be written; devices, pipes and sockets still work. */
static void read_only_files(void)
{
	struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};

	if (unshare(CLONE_NEWNS) < 0)
		err(HARNESS_BROKE, "unshare");
	if (syscall(SYS_mount_setattr, -1, "/", AT_RECURSIVE, &read_only, sizeof(read_only)) < 0)
		err(errno == ENOSYS ? CANNOT_RUN : HARNESS_BROKE,
		    "cannot make files read-only (Linux 5.12 can)");
}

static void drop_privileges(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	for (int capability = 0; prctl(PR_CAPBSET_DROP, capability) == 0; capability++)
		;
	/* In a container's user namespace there may be no nobody; then root stays root there. */
	if (geteuid() == 0 && setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
	    setresuid(NOBODY, NOBODY, NOBODY) < 0 && errno != EINVAL)
		err(HARNESS_BROKE, "setresuid");
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &header, none) < 0)
		err(HARNESS_BROKE, "capset");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		err(HARNESS_BROKE, "prctl");
}

static void limit_processes(void)
{
	rlim_t most = getuid() == NOBODY ? PROCESSES : PROCESSES_OF_A_USER;

	limit(RLIMIT_NPROC, most, most);
}

int main(int argc, char **argv)
{
	rlim_t megabytes = 512;
	int option;
	int program;

	while ((option = getopt(argc, argv, "+m:")) == 'm')
		megabytes = strtoul(optarg, NULL, 10);
	if (option != -1 || optind == argc)
		errx(2, "usage: confine [-m megabytes] PROGRAM [ARGUMENT]...");
	argv += optind;
	/* Opened now: nobody may not walk the path to it. The kernel closes it at exec. */
	program = open(argv[0], O_RDONLY | O_CLOEXEC);
	if (program < 0)
		err(HARNESS_BROKE, "%s", argv[0]);
	read_only_files();
	limit(RLIMIT_CORE, 0, 0);
	limit(RLIMIT_CPU, CPU_SECONDS, CPU_SECONDS + 1); /* SIGXCPU, a second later SIGKILL */
	if (megabytes)
		limit(RLIMIT_AS, megabytes << 20, megabytes << 20);
	drop_privileges();
	limit_processes();
	fexecve(program, argv, environ);
	err(HARNESS_BROKE, "cannot start %s", argv[0]);
}
