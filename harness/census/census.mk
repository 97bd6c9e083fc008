# The census beside programs that it must not disturb, and beside others that count.
HARMLESS := $(addprefix $(BUILD)/harmless/,server server-asan load)

.PHONY: bench-census test-harmless
bench-census: all ## time the census against ss, netstat and /proc/net/tcp
	@$(keep) bench-census $(BUILD)/sandbox $(BUILD)/python harness/census/bench.py --census $(BUILD)/census

test-harmless: all $(HARMLESS) ## count a server at full load, in every way; it must never notice (SECONDS=60)
	@$(keep) harmless $(in_sandbox) harness/tests/beside.py $(BUILD) $(or $(SECONDS),60)

# `make test` has a second of the same.
test: $(filter-out %-asan,$(HARMLESS))

harmless_cc = @mkdir -p $(@D); $(CC) -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -O2 -g
$(BUILD)/harmless/%-asan: harness/tests/harmless/%.c
	$(harmless_cc) -fsanitize=address -o $@ $<

$(BUILD)/harmless/%: harness/tests/harmless/%.c
	$(harmless_cc) -o $@ $<
