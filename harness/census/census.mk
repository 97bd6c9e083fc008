# Runs the census against programs that it must not disturb, and beside other counters.
HARMLESS := $(addprefix $(BUILD)/harmless/,server server-asan load)

# Owners by BPF need clang and libbpf to build.
HAS_BPF := $(shell command -v clang >/dev/null && \
	echo '\#include <bpf/libbpf.h>' | $(CC) -E -x c - >/dev/null 2>&1 && echo yes)
OWNERS_BPF := $(BUILD)/obj/harness/census/bpf/owners.o
ifdef HAS_BPF
$(BUILD)/obj/harness/census/bpf.o: ALL_CFLAGS += -DOWNERS_BPF='"$(OWNERS_BPF)"'
$(BUILD)/obj/harness/census/bpf.o: $(OWNERS_BPF)
LDLIBS += -lbpf
endif
LDLIBS += -pthread
$(OWNERS_BPF): harness/census/bpf/owners.c harness/census/bpf/record.h
	@mkdir -p $(@D)
	$(Q)clang -O2 -g -fdebug-prefix-map=$(CURDIR)=. -target bpf -Wall -Wextra -Werror \
		-I/usr/include/$(shell $(CC) -print-multiarch) -c -o $@ $<

.PHONY: bench-census test-harmless test-openmetrics
bench-census: all ## time the census against ss, netstat, lsof and /proc/net/tcp, with owners and without
	@$(keep) bench-census $(BUILD)/sandbox sh -c '$(BUILD)/python harness/census/bench.py \
		--census $(BUILD)/census && $(BUILD)/python harness/census/bench_owners.py --census $(BUILD)/census'

test-harmless: all $(HARMLESS) ## count a server at full load, in every mode; it must never notice (SECONDS=60)
	@$(keep) harmless $(in_sandbox) harness/tests/beside.py $(BUILD) $(or $(SECONDS),60)

test-openmetrics: all ## check census --openmetrics, and the alert of its README, with Prometheus' promtool
	@harness/tests/real/fetch $(abspath $(BUILD))/prometheus promtool
	@PATH="$$PATH:$(abspath $(BUILD))/prometheus/root/usr/bin" \
		$(BUILD)/linger test -- harness/tests/promtool.py $(ARGS)

# `make test` has a second of the same.
test: $(filter-out %-asan,$(HARMLESS))

harmless_cc = @mkdir -p $(@D); $(CC) -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -O2 -g
$(BUILD)/harmless/%-asan: harness/tests/harmless/%.c
	$(harmless_cc) -fsanitize=address -o $@ $<

$(BUILD)/harmless/%: harness/tests/harmless/%.c
	$(harmless_cc) -o $@ $<
