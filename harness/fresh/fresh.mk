.PHONY: fresh fresh-prove
fresh: $(BUILD)/sandbox-init ## try the README's commands on bare Debian systems (as root; DEBIAN=13 WAYS=machine TEST=1 CACHE=DIR MIRROR=URL PLANT=gcc)
	@harness/fresh/run $<

fresh-prove: all ## show that `make fresh` can fail, and leaves nothing when killed (RUNS=10 SEED=)
	@PYTHONPATH=harness $(keep) fresh-prove $(BUILD)/python harness/fresh/prove.py \
		$(BUILD)/sandbox-init $(or $(RUNS),10) $(SEED)
