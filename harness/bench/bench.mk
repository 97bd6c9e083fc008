# Measures costs. Figures are medians of interleaved rounds: compare ratios.
in_sandbox = $(BUILD)/sandbox env LINGER_BUILD=$(abspath $(BUILD)) PYTHONPATH=harness $(BUILD)/python

.PHONY: bench bench-scale bench-sampling
bench: all bench-census bench-wire ## time the parts of a run, warm and cold, and the suite against its longest test
	@$(keep) bench $(in_sandbox) harness/bench/parts.py --suite

bench-scale: all ## make up to a million CLOSE_WAIT and TIME_WAIT: time, memory, limits (SIZES=1000,10000)
	@$(in_sandbox) harness/bench/scale.py --results $(or $(RESULTS),results) \
		$(if $(SIZES),--sizes $(SIZES))

bench-sampling: all ## show what samplers of 5 ms and 1 ms miss (TRACEFS=1, as root: also the kernel's account)
	@$(keep) bench-sampling $(in_sandbox) harness/bench/sampling.py $(if $(TRACEFS),--tracefs)
