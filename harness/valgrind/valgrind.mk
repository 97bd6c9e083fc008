.PHONY: valgrind
valgrind: all ## run the fixed programs under valgrind: no error, lost byte or leaked descriptor
	@$(keep) valgrind $(BUILD)/sandbox $(BUILD)/python harness/valgrind/run.py $(BUILD)
