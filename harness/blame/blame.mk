# What blame costs, and how often it names the right line.
.PHONY: bench-blame blame-figures
bench-blame: all ## what blame costs: redis beside plain and strace, memory for 100,000 sockets
	@harness/tests/real/fetch $(abspath $(BUILD))/blamed blame
	@PATH="$$PATH:$(abspath $(BUILD))/blamed/root/usr/bin" $(keep) bench-blame \
		$(BUILD)/sandbox $(BUILD)/python harness/blame/bench.py --build $(BUILD)

blame-figures: all ## how near blame comes to the line that the repair changes, for every pair, Go and Rust
	@harness/tests/real/fetch $(abspath $(BUILD))/blamed blame
	@ROOT=$(abspath $(BUILD))/blamed/root PYTHONPATH=harness:harness/tests $(keep) blame-figures \
		$(BUILD)/python harness/blame/figures.py --build $(abspath $(BUILD))
