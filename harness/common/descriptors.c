#include "common/descriptors.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

void open_standard_descriptors(void)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = open("/dev/null", O_RDWR);
	if (fd >= 0)
		close(fd);
}

bool output_is_whole(void)
{
	if ((!fflush(stdout) && !ferror(stdout)) || errno == EPIPE)
		return true;
	warn("cannot write to stdout");
	return false;
}
