#include "sandbox/identity.h"

#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/supervise.h"

enum { NOBODY = 65534 };

/* The ids that our user namespace maps: the kernel takes at most this many ranges. */
struct map {
	struct {
		unsigned long first, count;
	} ranges[340];
	int length;
};

static void read_map(struct map *map, const char *path)
{
	FILE *file = fopen(path, "re");

	if (!file)
		err(EXIT_CANNOT, "%s", path);
	map->length = 0;
	while (fscanf(file, "%lu %*u %lu", &map->ranges[map->length].first,
		      &map->ranges[map->length].count) == 2)
		map->length++;
	fclose(file);
}

static bool is_mapped(const struct map *map, unsigned long number)
{
	for (int i = 0; i < map->length; i++)
		if (number - map->ranges[i].first < map->ranges[i].count)
			return true;
	return false;
}

/* The highest id mapped for users and groups that none of either has; 0: there is none. */
static unsigned long find_stranger(const struct map *users, const struct map *groups)
{
	unsigned long found = 0;

	for (int i = 0; i < users->length; i++) {
		unsigned long first = users->ranges[i].first;

		for (unsigned long id = first + users->ranges[i].count;
		     id > first && id - 1 > found;) {
			id--;
			if (is_mapped(groups, id) && !getpwuid(id) && !getgrgid(id))
				found = id;
		}
	}
	return found;
}

static bool owns_the_system(void)
{
	struct stat root;

	return stat("/", &root) < 0 || root.st_uid == geteuid();
}

struct identity identity_choose(long wish, bool closed)
{
	struct identity chosen = {geteuid(), getegid(), geteuid(), getegid()};
	static struct map users, groups;

	if (wish == AS_IT_IS && (!closed || geteuid() != 0))
		return chosen;
	read_map(&users, "/proc/self/uid_map");
	read_map(&groups, "/proc/self/gid_map");
	if (wish == AS_IT_IS)
		wish = is_mapped(&users, NOBODY) && is_mapped(&groups, NOBODY)
			   ? NOBODY
			   : (long)find_stranger(&users, &groups);
	else if (!is_mapped(&users, wish) || !is_mapped(&groups, wish))
		errx(EXIT_CANNOT,
		     "this user namespace does not map user and group %ld; name another", wish);
	if (wish) {
		chosen.uid = chosen.gid = wish;
	} else if (owns_the_system()) {
		errx(EXIT_CANNOT, "a closed program must not be root, and this user namespace has "
				  "no other user; start confine as an ordinary user");
	} else {
		chosen = (struct identity){NOBODY, NOBODY, NOBODY, NOBODY};
	}
	return chosen;
}

static void write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(EXIT_CANNOT, "%s of a user namespace", name);
	close(fd);
}

static void map(pid_t pid, const char *name, unsigned caller, unsigned inside, unsigned other)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "%u %u 1\n", inside, caller);

	if (other != inside)
		snprintf(text + length, sizeof(text) - length, "%u %u 1\n", other, other);
	write_file(pid, name, text);
}

void identity_map(pid_t pid, const struct identity *who)
{
	if (who->uid == who->caller_uid)
		write_file(pid, "setgroups",
			   "deny"); /* otherwise an ordinary user may not map groups */
	map(pid, "uid_map", geteuid(), who->caller_uid, who->uid);
	map(pid, "gid_map", getegid(), who->caller_gid, who->gid);
}
