/* SPDX-License-Identifier: MIT */
#ifndef SEGMENT_PRIVILEGE_H
#define SEGMENT_PRIVILEGE_H

#include <err.h>
#include <errno.h>

#define CANNOT_RUN 77

/* End with the reason why a call failed that needs CAP_NET_RAW; errno tells. */
static inline _Noreturn void need_net_raw(const char *call)
{
	if (errno == EPERM || errno == EACCES)
		errx(CANNOT_RUN, "%s needs CAP_NET_RAW: run it in build/sandbox, or as root", call);
	err(1, "%s", call);
}

#endif
