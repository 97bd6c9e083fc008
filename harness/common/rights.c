/* SPDX-License-Identifier: MIT */
#include "common/rights.h"

#include <sys/syscall.h>
#include <unistd.h>

bool rights_have(int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return syscall(SYS_capget, &header, data) == 0 &&
	       data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

const char *rights_remedy(int capability)
{
	if (geteuid() != 0)
		return "as root";
	if (rights_have(capability))
		return "as root of the machine";
	return capability == CAP_SYS_ADMIN ? "with CAP_SYS_ADMIN" : "with CAP_SYS_PTRACE";
}
