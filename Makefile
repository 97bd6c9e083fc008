# linger: how TCP connections end badly, and what the right code does instead.
# `make help` lists the targets. Everything built goes to build/.

MAKEFLAGS += --no-builtin-rules
BUILD := build$(if $(SAN),/san)
CFLAGS ?= -O2 -g
VERSION := $(shell cat harness/VERSION)
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DVERSION=$(VERSION) -Wall -Wextra -Werror -Iharness -MMD -MP $(CFLAGS)
ifdef SAN
ALL_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
endif
Q := $(if $(V),,@)

programs = $(patsubst %.c,$(BUILD)/%,$(wildcard $(1)/*.c))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

PEERS := $(call programs,servers) $(call programs,clients)
# A component is a folder of harness/ built on harness/common: a library, a program of the same name
# with main() in main.c, and the tests of the library.
COMPONENTS := $(patsubst harness/%/main.c,%,$(wildcard harness/*/main.c))
# Each of these is a program of the sandbox; the rest of the folder is its library.
SANDBOX := confine subreaper init user start
library = $(filter-out $(addprefix harness/$(1)/,main.c test_%.c) $(SANDBOX:%=harness/sandbox/%.c),\
	$(wildcard harness/$(1)/*.c))
UNIT_TESTS := $(patsubst harness/%.c,$(BUILD)/tests/%,$(subst /test_,_test_,$(wildcard harness/*/test_*.c)))
PROGRAMS := $(addprefix $(BUILD)/,sandbox sandbox-init sandbox-user sandbox-refusals start confine subreaper compile $(COMPONENTS) linger)
# A program takes what it needs from common, and links only the libraries it calls.
common := $(BUILD)/libcommon.a
LDLIBS := -Wl,--as-needed -lssl -lcrypto -levent_core -lpcap -lmnl -ldw -lelf -lm
# SHARE=1: other users may read what runs leave.
export LINGER_SHARE := $(SHARE)
RUN := $(if $(N),-n $(N)) $(if $(BLAME),--blame) $(if $(DEEP),--deep) $(if $(VERBOSE),-v) $(if $(KEEP),--keep) $(if $(REPEAT),--repeat $(REPEAT))

# Shows the output of a measurement, and keeps it in results/figures.
keep := harness/bench/keep

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all deps scenarios prove soak kill-test test test-real test-clients test-explain check-server check-client report pairs lab lab-score bench-wire documents clean help
# `make -j deps test` must not build before everything is installed.
$(if $(filter deps,$(MAKECMDGOALS)),.NOTPARALLEL:)

all: $(PROGRAMS) $(PEERS) ## build everything

deps: ## install the missing Debian packages (with sudo if needed)
	@harness/deps

scenario-%: all ## run one scenario, both variants (N=1000 VERBOSE=1 BLAME=1 KEEP=1 REPEAT=10)
	@$(BUILD)/linger run $* $(RUN)

scenarios: all ## run every scenario
	@$(BUILD)/linger run all $(RUN)

prove: all ## show that every expectation and every guard can fail
	@$(BUILD)/linger prove all

lab: $(BUILD)/linger ## list the exercises in teaching order, and which are done
	@$(BUILD)/linger lab

# Names of other people's folders must not go through make and a shell, where a name can be a
# command.
lab-score: all ## show what you have solved (REGRADE=1 runs it again, WATCH=1 serves a page); others: build/linger lab-score ./*/labs
	$(if $(filter undefined,$(origin DIRS)),,$(error DIRS= is gone: call build/linger lab-score DIR...))
	@$(BUILD)/linger lab-score $(if $(REGRADE),--regrade) $(if $(WATCH),--watch)

# Shells have their own RESET, for colours: only one typed here counts. A program that is not
# repaired yet (1) must not look like an error of make.
lab-%: all ## start or continue an exercise (HINT=1..3 or blame, PREDICT=a, SHOW=1 again, RESET=1 begins again)
	@$(BUILD)/linger lab $* $(if $(HINT),--hint $(HINT)) $(if $(PREDICT),--predict $(PREDICT)) \
		$(if $(SHOW),--show) $(if $(filter command,$(origin RESET)),$(if $(RESET),--reset)); \
		code=$$?; [ $$code = 1 ] || exit $$code

test: all $(UNIT_TESTS) $(BUILD)/tests/lists ## run all tests, in parallel (SAN=1 under ASan and UBSan, ARGS='-k name')
	@$(BUILD)/linger test -- $(ARGS)

report: $(BUILD)/linger ## write the newest run as web pages, and say where
	@$(BUILD)/linger report

soak: all ## run every scenario repeatedly, also on a busy machine (RUNS=200 FRESH=1)
	@$(BUILD)/linger soak --runs $(or $(RUNS),200) $(if $(FRESH),--fresh)

kill-test: all ## kill runs at random moments with every signal; fails if anything is left behind (RUNS=200 SEED=)
	@LINGER_BUILD=$(abspath $(BUILD)) PYTHONPATH=harness:harness/tests $(keep) kill-test \
		$(BUILD)/sandbox $(BUILD)/python harness/tests/kill.py $(or $(RUNS),200) $(SEED)

test-real: all ## check real servers of Debian, three times each (RUNS=1 CHECK=--quick; takes minutes)
	@harness/tests/real/fetch $(abspath $(BUILD))/real servers
	@RUNS=$(or $(RUNS),3) CHECK='$(CHECK)' $(BUILD)/linger test -- harness/tests/real/servers.py $(ARGS)

test-clients: all ## check real clients of Debian, three times each (RUNS=1 CHECK=--quick; takes minutes)
	@harness/tests/real/fetch $(abspath $(BUILD))/real clients
	@$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -o $(BUILD)/real/client \
		harness/tests/planted/clients/client.c -lssl -lcrypto
	@harness/tests/real/fetch $(abspath $(BUILD))/real backends
	@harness/tests/reported/fetch $(BUILD)/real/npm harness/tests/real/relayed/package.json
	@harness/tests/real/relayed/build $(abspath $(BUILD))/real
	@javac -d $(BUILD)/real harness/tests/real/clients/Java.java
	@$(CC) -o $(BUILD)/real/libcurl harness/linger/check/client/drivers/libcurl.c \
		-I$(BUILD)/real/root/usr/include/$(shell uname -m)-linux-gnu -I$(BUILD)/real/root/usr/include \
		-L$(BUILD)/real/root/usr/lib/$(shell uname -m)-linux-gnu -lcurl -lcrypto
	@RUNS=$(or $(RUNS),3) CHECK='$(CHECK)' $(BUILD)/linger test -- \
		harness/tests/real/clients.py harness/tests/real/relayed.py $(ARGS)

test-explain: all ## explain every program that leaks, every repair, and real servers (takes minutes)
	@harness/tests/real/fetch $(abspath $(BUILD))/real servers
	@$(BUILD)/linger test -- harness/tests/real/explained.py $(ARGS)

test-reported: all ## find publicly reported closing bugs in released servers of npm (takes minutes)
	@harness/tests/reported/fetch $(abspath $(BUILD))/reported
	@$(BUILD)/linger test -- harness/tests/reported/bugs.py $(ARGS)

check-server: all ## judge your server (CMD='python3 -m http.server 8000' PORT=8000 CHECK=--quick)
	@$(BUILD)/linger check --port '$(PORT)' $(CHECK) -- $(CMD)

check-client: all ## judge your client (CMD='curl -sf {url} -o {out}' WITH='server {port}' CHECK=--quick)
	@$(BUILD)/linger check-client $(if $(WITH),--with '$(WITH)') $(CHECK) -- $(CMD)

pairs: $(BUILD)/linger ## check that every pair differs only in its lesson
	@$(BUILD)/linger pairs

bench-wire: all ## time recording, and turning packets into ladders (LARGE=3: 1 GB, and other tools)
	@$(keep) bench-wire $(BUILD)/python harness/wire/bench.py --build $(BUILD) $(LARGE:%=--large %)

clean: ## remove what was built
	$(Q)rm -rf build

documents: all ## rewrite the transcripts, tables and picture in all READMEs
	@LINGER_DOCUMENTS=1 $(BUILD)/linger test -- harness/tests/test_documents.py harness/tests/test_kernels.py
	@$(BUILD)/linger run closewait-leak >/dev/null && PYTHONPATH=harness $(BUILD)/python \
		-m linger.report.picture results/latest closewait-leak >scenarios/closewait_leak.svg

help: ## list the targets
	@sed -n 's/^\([a-z][a-z -]*\)%*:.*## /\1#/p' $(MAKEFILE_LIST) | \
		awk -F'#' '{ sub(/-$$/, "-NAME", $$1); printf "  make %-16s %s\n", $$1, $$2 }'

# Programs: what it is built from, then how.
.SECONDEXPANSION:
$(BUILD)/lib%.a: $$(call objects,$$(call library,$$*))
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^

$(PEERS): $(BUILD)/%: $(BUILD)/obj/%.o $(common)
	$(link)

$(COMPONENTS:%=$(BUILD)/%): $(BUILD)/%: $(BUILD)/obj/harness/%/main.o $(BUILD)/lib%.a $(common)
	$(link)

$(BUILD)/start $(BUILD)/confine $(BUILD)/subreaper: $(BUILD)/%: $(BUILD)/obj/harness/sandbox/%.o \
		$(BUILD)/libsandbox.a $(common)
	$(link)

$(BUILD)/sandbox-init $(BUILD)/sandbox-user: $(BUILD)/sandbox-%: $(BUILD)/obj/harness/sandbox/%.o \
		$(BUILD)/libsandbox.a $(common)
	$(link)

$(BUILD)/tests/%: $(BUILD)/obj/harness/$$(subst _test_,/test_,$$*).o \
		$(BUILD)/lib$$(firstword $$(subst _test_, ,$$*)).a $(common)
	$(link) -lcmocka

$(BUILD)/tests/lists: $(BUILD)/obj/harness/tests/lists.o $(BUILD)/libwire.a $(common)
	$(link)

# The calls to watch (common/watched.c) in a student's program, and in the fixed ones, its
# yardstick.
WATCHED := close send setsockopt malloc calloc free event_new event_free bufferevent_socket_new bufferevent_free
$(filter %_fixed,$(PEERS)): LDFLAGS += $(WATCHED:%=-Wl,--wrap=%)

# How to compile and link a student's file: like ours, but a warning is only a warning.
$(BUILD)/compile: Makefile $(common)
	@echo '$(CC) $(filter-out -Werror -MMD -MP -DVERSION%,$(ALL_CFLAGS)) $(LDFLAGS)' \
		'$(WATCHED:%=-Wl,--wrap=%) {source} $(common) -levent_core -lm' >$@

$(BUILD)/sandbox: harness/sandbox/sandbox | $(BUILD)/sandbox-init $(BUILD)/sandbox-user $(BUILD)/sandbox-refusals
	$(Q)install -D $< $@

$(BUILD)/sandbox-refusals: harness/sandbox/refusals
	$(Q)install -D -m 644 $< $@

$(BUILD)/linger: harness/linger.sh Makefile | $(BUILD)/python
	$(Q)install -D $< $@

# Chosen each time: the earlier choice may be gone, or lack a module by now.
.PHONY: $(BUILD)/python
$(BUILD)/python:
	@mkdir -p $(@D)
	$(Q)harness/python --link $@

include $(wildcard harness/*/*.mk)

link = @mkdir -p $(@D); $(if $(Q),echo "  LD  $@";) $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
# A program names its sources from the top of the repository, wherever that is.
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -fdebug-prefix-map=$(CURDIR)=. -c -o $@ $<

$(BUILD)/obj/harness/common/help.o: harness/VERSION

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
