/* SPDX-License-Identifier: MIT */
/*
 * Finds the systemd unit or container of a process, by its control group (cgroups(7)):
 *
 *	0::/system.slice/nginx.service                                     nginx.service
 *	0::/system.slice/docker-8c1f...64 digits.scope                     docker-8c1f00112233
 *	0::/kubepods.slice/.../kubepods-pod5f3a_77.slice/cri-containerd-8c1f....scope
 *	                                                                   pod-5f3a-77
 *	0::/lxc.payload.web                                                lxc-web
 */
#include "census/internal.h"

#include <ctype.h>
#include <string.h>

#define ID 12 /* digits that identify a container (docker ps) */

static size_t hex_digits(const char *text)
{
	return strspn(text, "0123456789abcdef");
}

/* The path in @cgroup: that of version 2, or else systemd's. */
static const char *path_of(const char *cgroup, char *path, size_t size)
{
	const char *at = strstr(cgroup, "0::/");
	const char *named = strstr(cgroup, ":name=systemd:/");

	if (named && (!at || at[4] == '\n' || !at[4]))
		at = strchr(named + 1, ':') - 2;
	snprintf(path, size, "%.*s", at ? (int)strcspn(at + 3, "\n") : 0, at ? at + 3 : "");
	return path;
}

/* "pod5f3a_77" between slashes, dashes and dots. Its name is a UUID, in slices with _ instead of
 * -. */
static bool pod_from(const char *path, char *name, size_t size)
{
	const char *at = strstr(path, "kubepods");
	size_t length;

	for (at = at ? strstr(at + 8, "pod") : NULL; at; at = strstr(at + 3, "pod"))
		if ((at[-1] == '-' || at[-1] == '/') && isxdigit((unsigned char)at[3]))
			break;
	if (!at)
		return false;
	length = strspn(at + 3, "0123456789abcdef-_");
	snprintf(name, size, "pod-%.*s", (int)length, at + 3);
	for (char *c = name; *c; c++)
		*c = *c == '_' ? '-' : *c;
	return true;
}

/* The last part of @path with 64 hexadecimal digits, behind "docker-", "libpod-", "/docker/". */
static bool container_from(const char *path, char *name, size_t size)
{
	for (const char *at = path; *at; at++) {
		const char *before = at;

		if (hex_digits(at) != 64 || at == path || (at[-1] != '-' && at[-1] != '/'))
			continue;
		before--;
		while (before > path && before[-1] != '/')
			before--;
		if (before == at - 1) /* "/docker/8c1f...": the part before gives the prefix */
			while (before > path && *--before != '/')
				;
		before += *before == '/';
		if (before < at - 1)
			snprintf(name, size, "%.*s-%.*s", (int)(at - 1 - before), before, ID, at);
		else
			snprintf(name, size, "container-%.*s", ID, at);
		return true;
	}
	return false;
}

/* "lxc-web", "machine-web": the name after one of these. */
static bool machine_from(const char *path, char *name, size_t size)
{
	static const char *const marks[][2] = {
	    {"/lxc.payload.", "lxc"}, {"/lxc/", "lxc"}, {"/machine.slice/machine-", "machine"}};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		const char *at = strstr(path, marks[i][0]);

		if (!at)
			continue;
		at += strlen(marks[i][0]);
		snprintf(name, size, "%s-%.*s", marks[i][1],
			 (int)(strstr(at, ".scope") ? (size_t)(strstr(at, ".scope") - at)
						    : strcspn(at, "/")),
			 at);
		return true;
	}
	return false;
}

/* The innermost service or session. */
static void unit_from(const char *path, char *name, size_t size)
{
	static const char *const ends[] = {".service", ".scope"};

	for (const char *part = *path ? path : NULL; part; part = strchr(part + 1, '/')) {
		const char *text = part + (*part == '/');
		size_t length = strcspn(text, "/");

		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
			if (length > strlen(ends[i]) &&
			    !strncmp(text + length - strlen(ends[i]), ends[i], strlen(ends[i])))
				snprintf(name, size, "%.*s", (int)length, text);
	}
}

bool cgroup_container(const char *cgroup, char *name, size_t size)
{
	char path[1024];

	path_of(cgroup, path, sizeof(path));
	return pod_from(path, name, size) || container_from(path, name, size) ||
	       machine_from(path, name, size);
}

void cgroup_unit(const char *cgroup, char *name, size_t size)
{
	char path[1024];

	*name = '\0';
	if (!cgroup_container(cgroup, name, size))
		unit_from(path_of(cgroup, path, sizeof(path)), name, size);
}

void process_unit(pid_t pid, char *name, size_t size)
{
	char cgroup[2048];

	process_read(pid, "cgroup", cgroup, sizeof(cgroup));
	cgroup_unit(cgroup, name, size);
}
