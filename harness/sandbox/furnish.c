#include "sandbox/furnish.h"

#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/errors.h"

#define NET "/proc/sys/net/ipv4/"

static void must(int result, const char *what)
{
	if (result < 0)
		err(EXIT_CANNOT, "cannot set up the sandbox: %s", what);
}

/* Write a sysctl(8) of the network namespace that we are in. Returns whether that worked. */
static bool set(const char *sysctl, const char *value)
{
	ssize_t length = strlen(value);
	int file = open(sysctl, O_WRONLY | O_CLOEXEC);
	bool written = file >= 0 && write(file, value, length) == length;

	if (file >= 0)
		close(file);
	return written;
}

void own_socket_table(void)
{
	if (unshare(CLONE_NEWNET) < 0 || !set(NET "tcp_child_ehash_entries", "4096") ||
	    unshare(CLONE_NEWNET) < 0)
		return;
	set(NET "tcp_child_ehash_entries", "4096");
	/* Both shrink with the table: set them as on a machine with much memory. */
	set(NET "tcp_max_tw_buckets", "262144");
	set(NET "tcp_max_syn_backlog", "4096");
}

static void bring_up(const char *device)
{
	struct ifreq request = {.ifr_flags = IFF_UP};
	int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	must(any, "socket");
	strncpy(request.ifr_name, device, sizeof(request.ifr_name) - 1);
	must(ioctl(any, SIOCSIFFLAGS, &request), device);
	close(any);
}

static void go_back(const char *folder)
{
	if (chdir(folder) == 0)
		return;
	if (strcmp(folder, "/run") == 0 || strncmp(folder, "/run/", 5) == 0)
		errx(EXIT_CANNOT,
		     "%s lies under /run, which the sandbox replaces; go to another folder",
		     folder);
	errx(EXIT_CANNOT, "cannot enter the working folder %s again; go to another one", folder);
}

void furnish(void)
{
	static char folder[PATH_MAX];
	struct stat run;

	if (!getcwd(folder, sizeof(folder)) || folder[0] != '/') /* "(unreachable)..." */
		errx(EXIT_CANNOT, "the working folder is gone; go to another one");
	if (stat("/run", &run) < 0 || !S_ISDIR(run.st_mode))
		errx(EXIT_CANNOT, "there is no folder /run; run: mkdir /run");
	must(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "/proc");
	must(mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755"), "/run");
	must(mkdir("/run/netns", 0755), "/run/netns");
	must(mkdir("/run/lock", 0755), "/run/lock");
	bring_up("lo");
	go_back(folder);
	must(setenv("LINGER_SANDBOX", "1", 1), "setenv");
}
