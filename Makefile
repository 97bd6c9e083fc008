# linger: how TCP connections end badly, and what the right code does instead.
# `make help` lists the targets. Everything built goes to build/.

MAKEFLAGS += --no-builtin-rules
BUILD := build$(if $(SAN),/san)
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Iharness -MMD -MP $(CFLAGS)
ifdef SAN
ALL_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
endif
Q := $(if $(V),,@)

programs = $(patsubst %.c,$(BUILD)/%,$(wildcard $(1)/*.c))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

PEERS := $(call programs,servers) $(call programs,clients)
# A component is a folder of harness/: its library, what tests the library, and a program of its name.
library = $(filter-out $(addprefix harness/$(1)/,main.c test_%.c bench_%.c),$(wildcard harness/$(1)/*.c))
unit_tests = $(patsubst harness/$(1)/%.c,$(BUILD)/tests/$(1)_%,$(wildcard harness/$(1)/test_*.c))
CENSUS := $(call library,census)
SEGMENT := $(call library,segment)
# It names states as the census does, and reads packets as segment does.
WIRE := $(call library,wire) $(addprefix harness/,segment/parse.c common/descriptors.c \
	common/events.c $(addprefix census/,state.c names.c snmp.c netns.c json.c))
UNIT_TESTS := $(foreach component,census segment wire,$(call unit_tests,$(component)))
PROGRAMS := $(addprefix $(BUILD)/,sandbox sandbox-init confine subreaper compile census segment wire linger)
# SHARE=1: other users may read what runs leave.
export LINGER_SHARE := $(SHARE)
RUN := $(if $(N),-n $(N)) $(if $(VERBOSE),-v) $(if $(KEEP),--keep) $(if $(REPEAT),--repeat $(REPEAT))

# Shows what a measurement says, and keeps it in results/figures.
keep := harness/bench/keep

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all deps scenarios prove soak kill-test test check test-real check-server report pairs lab lab-score bench-census bench-wire clean help
# `make -j deps test` must not build before everything is installed.
$(if $(filter deps,$(MAKECMDGOALS)),.NOTPARALLEL:)

all: $(PROGRAMS) $(PEERS) ## build everything

deps: ## install the Debian packages that are missing (asks sudo if need be)
	@harness/deps

scenario-%: all ## run one scenario, both variants (N=1000 VERBOSE=1 KEEP=1 REPEAT=10)
	@$(BUILD)/linger run $* $(RUN)

scenarios: all ## run every scenario
	@$(BUILD)/linger run all $(RUN)

prove: all ## show that every expectation can fail, and every guard
	@$(BUILD)/linger prove all

lab: $(BUILD)/linger ## list the exercises in teaching order, and what is done
	@$(BUILD)/linger lab

lab-reset-%: all ## begin an exercise again (keeps a backup of what you had)
	@$(BUILD)/linger lab $* --reset

lab-score: all ## who has solved what (DIRS='one/labs two/labs', REGRADE=1 runs them)
	@$(BUILD)/linger lab-score $(if $(REGRADE),--regrade) $(or $(DIRS),labs)

lab-%: all ## start or go on with an exercise (HINT=1..3, PREDICT=a)
	@$(BUILD)/linger lab $* $(if $(HINT),--hint $(HINT)) $(if $(PREDICT),--predict $(PREDICT))

test check: all $(UNIT_TESTS) ## run all tests, in parallel (SAN=1 under ASan and UBSan, ARGS='-k name')
	@$(BUILD)/linger test -- $(ARGS)

report: $(BUILD)/linger ## write the newest run as web pages, and say where
	@$(BUILD)/linger report

soak: all ## run every scenario again and again, also on a busy machine (RUNS=200 FRESH=1)
	@$(BUILD)/linger soak --runs $(or $(RUNS),200) $(if $(FRESH),--fresh)

kill-test: all ## end runs at random instants and in every way; nothing may be left (RUNS=200 SEED=)
	@LINGER_BUILD=$(abspath $(BUILD)) PYTHONPATH=harness:harness/tests $(keep) kill-test \
		$(BUILD)/sandbox $(BUILD)/python harness/tests/kill.py $(or $(RUNS),200) $(SEED)

test-real: all ## check real servers of Debian, three times each (RUNS=1 CHECK=--quick; takes minutes)
	@harness/tests/real/fetch $(abspath $(BUILD))/real
	@RUNS=$(or $(RUNS),3) CHECK='$(CHECK)' $(BUILD)/linger test -- harness/tests/real/servers.py $(ARGS)

check-server: all ## judge a server of yours (CMD='python3 -m http.server 8000' PORT=8000 CHECK=--quick)
	@$(BUILD)/linger check --port '$(PORT)' $(CHECK) -- $(CMD)

pairs: $(BUILD)/linger ## check that every pair differs only in its lesson
	@$(BUILD)/linger pairs

bench-census: all ## time the census against ss, netstat and /proc/net/tcp
	@$(keep) bench-census $(BUILD)/sandbox $(BUILD)/python harness/census/bench.py --census $(BUILD)/census

bench-wire: all ## time what recording costs a scenario, and packets becoming ladders
	@$(keep) bench-wire $(BUILD)/python harness/wire/bench.py --build $(BUILD)

clean: ## remove what was built
	$(Q)rm -rf build

help: ## list the targets
	@sed -n 's/^\([a-z][a-z -]*\)%*:.*## /\1#/p' $(MAKEFILE_LIST) | \
		awk -F'#' '{ sub(/-$$/, "-NAME", $$1); printf "  make %-16s %s\n", $$1, $$2 }'

# Programs: what it is built from, then how.
$(PEERS): $(BUILD)/%: $(BUILD)/obj/%.o $(call objects,$(wildcard harness/common/*.c))
	$(link) -levent_core -lm

$(BUILD)/census: $(call objects,harness/census/main.c $(CENSUS) harness/common/descriptors.c)
	$(link) -lmnl

$(BUILD)/tests/census_%: $(BUILD)/obj/harness/census/%.o $(call objects,$(CENSUS))
	$(link) -lmnl -lcmocka

$(BUILD)/segment: $(call objects,harness/segment/main.c $(SEGMENT) $(wildcard harness/common/*.c))
	$(link) -lm

$(BUILD)/tests/segment_%: $(BUILD)/obj/harness/segment/%.o $(call objects,$(SEGMENT))
	$(link) -lcmocka

$(BUILD)/wire: $(call objects,harness/wire/main.c $(WIRE))
	$(link) -lpcap -lmnl

$(BUILD)/tests/wire_%: $(BUILD)/obj/harness/wire/%.o $(call objects,$(WIRE))
	$(link) -lpcap -lmnl -lcmocka

$(BUILD)/sandbox-init: $(call objects,$(addprefix harness/sandbox/,init.c supervise.c) \
		harness/common/descriptors.c)
	$(link)

$(BUILD)/confine: $(call objects,$(addprefix harness/sandbox/,confine.c cage.c view.c mounts.c \
		filter.c identity.c limits.c bounds.c cgroup.c tree.c relay.c supervise.c) \
		harness/common/descriptors.c)
	$(link)

# How a student's file is compiled and linked: as ours, but a warning is only a warning.
$(BUILD)/compile: Makefile $(call objects,$(wildcard harness/common/*.c))
	@echo '$(CC) $(filter-out -Werror -MMD -MP,$(ALL_CFLAGS)) $(LDFLAGS)' \
		'{source} $(filter %.o,$^) -levent_core -lm' >$@

$(BUILD)/subreaper: $(call objects,harness/sandbox/subreaper.c harness/common/events.c)
	$(link)

$(BUILD)/sandbox: harness/sandbox/sandbox
	$(Q)install -D $< $@

# The Python that has what we need may not be the first on PATH.
$(BUILD)/linger: harness/linger.sh Makefile
	@mkdir -p $(@D)
	$(Q)for python in python3 /usr/bin/python3; do \
		found=$$($$python -c 'import sys, jinja2, jsonschema, matplotlib, pytest, xdist, rich; \
			__import__("tomllib" if sys.version_info >= (3, 11) else "tomli"); \
			print(sys.executable)' 2>/dev/null) && break; \
	done; \
	[ -n "$$found" ] || { echo "no python3 has the modules that linger needs; run: make deps" >&2; \
		exit 77; }; \
	ln -sf "$$found" $(BUILD)/python
	$(Q)install $< $@

include $(wildcard harness/*/*.mk)

link = @mkdir -p $(@D); $(if $(Q),echo "  LD  $@";) $(CC) $(LDFLAGS) -o $@ $^
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
