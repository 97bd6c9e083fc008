# Tests the parsers with libFuzzer: see fuzz.h.
FUZZED := $(patsubst harness/fuzz/fuzz_%.c,$(BUILD)/fuzz/%,$(wildcard harness/fuzz/fuzz_*.c))
fuzzed = $(patsubst %.c,$(BUILD)/obj/fuzz/%.o,$(1))

.PHONY: fuzz fuzz-targets fuzz-figures look-again
test: $(FUZZED)

fuzz: $(FUZZED) ## look for input that breaks a parser (TARGET=expression or all of them, SECONDS=60)
	@harness/fuzz/run $(BUILD)/fuzz $(or $(SECONDS),60) $(or $(TARGET),$(notdir $(FUZZED)))

fuzz-figures: $(FUZZED) ## executions and coverage of the fuzz targets (SECONDS=10)
	@harness/fuzz/require $(BUILD)/fuzz llvm-profdata llvm-cov
	@$(MAKE) --no-print-directory BUILD=build/coverage fuzz-targets \
		FUZZ_CC='clang -fprofile-instr-generate -fcoverage-mapping'
	@$(keep) fuzz-figures harness/fuzz/figures $(BUILD)/fuzz build/coverage/fuzz $(or $(SECONDS),10)

fuzz-targets: $(FUZZED)

# The compiler that the script finds, or FUZZ_CC, builds everything; a change of it rebuilds all.
$(BUILD)/fuzz/compiler: look-again
	@mkdir -p $(@D)
	$(Q)$(if $(FUZZ_CC),echo,harness/fuzz/compiler) '$(or $(FUZZ_CC),$(CC))' > $@.now
	$(Q)cmp -s $@.now $@ && rm $@.now || mv $@.now $@

$(FUZZED): $(BUILD)/fuzz/%: $(call fuzzed,harness/fuzz/fuzz_%.c harness/fuzz/driver.c) \
		$(BUILD)/fuzz/parsers.a
	$(Q)$$(cat $(BUILD)/fuzz/compiler) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/fuzz/parsers.a: $(call fuzzed,$(foreach component,common $(COMPONENTS),$(call library,$(component))))
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/obj/fuzz/%.o: %.c $(BUILD)/fuzz/compiler
	@mkdir -p $(@D)
	$(Q)$$(cat $(BUILD)/fuzz/compiler) $(ALL_CFLAGS) -c -o $@ $<
