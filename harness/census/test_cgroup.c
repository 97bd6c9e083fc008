/* SPDX-License-Identifier: MIT */
/* Units, containers and pods by the names of control groups. */
#include "census/test_common.h"

#define HEX64 "8c1f00112233445566778899aabbccddeeff00112233445566778899aabbccdd"
#define POD "5f3a77c1_1234_4cde_9abc_0123456789ab"

static const struct {
	const char *cgroup, *unit;
	bool container;
} cases[] = {
    {"0::/\n", "", false},
    {"", "", false},
    {"0::/system.slice/nginx.service\n", "nginx.service", false},
    {"0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope", false},
    {"0::/user.slice/user-0.slice/user@0.service/app.slice/a.service\n", "a.service", false},
    {"0::/system.slice/x.service/worker\n", "x.service", false},
    {"0::/.service\n", "", false},
    {"0::/system.slice/docker-" HEX64 ".scope\n", "docker-8c1f00112233", true},
    {"0::/docker/" HEX64 "\n", "docker-8c1f00112233", true},
    {"0::/machine.slice/libpod-" HEX64 ".scope/container\n", "libpod-8c1f00112233", true},
    {"0::/" HEX64 "\n", "container-8c1f00112233", true},
    {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" POD
     ".slice/cri-containerd-" HEX64 ".scope\n",
     "pod-5f3a77c1-1234-4cde-9abc-0123456789ab", true},
    {"0::/kubepods/besteffort/pod5f3a77c1-1234-4cde-9abc-0123456789ab/" HEX64 "\n",
     "pod-5f3a77c1-1234-4cde-9abc-0123456789ab", true},
    {"0::/kubepods.slice\n", "", false},
    {"0::/lxc.payload.web/system.slice/nginx.service\n", "lxc-web", true},
    {"0::/machine.slice/machine-deb.scope/x\n", "machine-deb", true},
    /* In version 1, systemd's hierarchy decides, or nothing. */
    {"4:memory:/elsewhere.service\n1:name=systemd:/system.slice/ssh.service\n0::/\n", "ssh.service",
     false},
    {"4:memory:/elsewhere.service\n", "", false},
};

static void units_and_containers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char unit[64], container[64];

		cgroup_unit(cases[i].cgroup, unit, sizeof(unit));
		assert_string_equal(unit, cases[i].unit);
		assert_int_equal(cgroup_container(cases[i].cgroup, container, sizeof(container)),
				 cases[i].container);
	}
}

/* Any length of name, and any end of the text. */
static void cut_short(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t length = 0; length <= strlen(cases[i].cgroup); length++) {
			char *text = strndup(cases[i].cgroup, length), unit[9];

			cgroup_unit(text, unit, sizeof(unit));
			assert_true(strlen(unit) < sizeof(unit));
			free(text);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(units_and_containers),
	    cmocka_unit_test(cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
