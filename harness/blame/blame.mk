# What blame costs, and how often it names the right line.
.PHONY: bench-blame blame-figures blame-strangers
bench-blame: all ## what blame costs: redis under blame, alone and under strace; memory for 100,000 sockets
	@harness/tests/real/fetch $(abspath $(BUILD))/blamed blame
	@PATH="$$PATH:$(abspath $(BUILD))/blamed/root/usr/bin" \
		LD_LIBRARY_PATH=$(abspath $(BUILD))/blamed/root/usr/lib/$(shell uname -m)-linux-gnu $(keep) bench-blame \
		$(BUILD)/sandbox $(BUILD)/python harness/blame/bench.py --build $(BUILD)

blame-figures: all ## how close blame comes to the line that the repair changes: every pair, Go and Rust
	@harness/tests/real/fetch $(abspath $(BUILD))/blamed blame
	@ROOT=$(abspath $(BUILD))/blamed/root PYTHONPATH=harness:harness/tests $(keep) blame-figures \
		$(BUILD)/python harness/blame/figures.py --build $(abspath $(BUILD))

# APT: an apt-get that finds sources (deb-src), with its options.
blame-strangers: all ## does blame name the leaking function? Debian servers without one close(), npm releases (APT=, NAMES=)
	@harness/tests/reported/fetch $(abspath $(BUILD))/reported
	@PYTHONPATH=harness:harness/tests $(keep) blame-strangers $(BUILD)/sandbox $(BUILD)/python \
		harness/blame/strangers.py --build $(abspath $(BUILD)) --apt '$(or $(APT),apt-get)' $(NAMES)
