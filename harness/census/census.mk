# Runs the census against programs that it must not disturb, and beside other counters.
HARMLESS := $(addprefix $(BUILD)/harmless/,server server-asan load owners)

LDLIBS += -pthread

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

$(BUILD)/harmless/owners: harness/tests/harmless/owners.c $(BUILD)/libcensus.a $(BUILD)/libcommon.a
	$(harmless_cc) -Iharness $(LDFLAGS) -o $@ $^ -lmnl -pthread
