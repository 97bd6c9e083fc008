#include "sandbox/hierarchy.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Whether a comma-separated list has a word. */
static bool lists(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (strncmp(list, word, length) == 0 && strchr(",\n", list[length]))
			return true;
	}
	return false;
}

/* Our own group in a hierarchy: the path in the line "ID:CONTROLLERS:PATH". */
static bool find_own(const char *controller, char *path)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char names[256], line[PATH_MAX];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		*names = 0;
		if (sscanf(line, "%*d::%4095[^\n]", path) != 1 &&
		    sscanf(line, "%*d:%255[^:]:%4095[^\n]", names, path) != 2)
			continue;
		found = !*controller ? !*names : lists(names, controller);
	}
	if (file)
		fclose(file);
	return found && strncmp(path, "/..", 3) != 0; /* outside our cgroup namespace */
}

/* Where a hierarchy is mounted, and which group is its root there. */
static bool find_mount(const char *controller, char *root, char *place)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char type[64], options[512];
	bool found = false;

	while (file && !found &&
	       fscanf(file, "%*s %*s %*s %4095s %4095s %*[^-]- %63s %*s %511s%*[^\n]", root, place,
		      type, options) == 4)
		found = !*controller
			    ? strcmp(type, "cgroup2") == 0
			    : strcmp(type, "cgroup") == 0 && lists(options, controller);
	if (file)
		fclose(file);
	return found;
}

bool hierarchy_folder(const char *controller, char *folder)
{
	static char own[PATH_MAX], root[PATH_MAX], place[PATH_MAX];
	size_t length;

	if (!find_own(controller, own) || !find_mount(controller, root, place))
		return false;
	length = strcmp(root, "/") == 0 ? 0 : strlen(root);
	if (strncmp(own, root, length) != 0 || !strchr("/", own[length])) /* '/' or the end */
		return false;
	return snprintf(folder, PATH_MAX, "%s%s", place, own + length) < PATH_MAX;
}
