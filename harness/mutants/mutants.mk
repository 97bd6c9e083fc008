.PHONY: mutants repairs
mutants: all ## would the judge notice if a fixed program were slightly wrong? (NAMES='closewait-leak'; continues where it stopped)
	@PYTHONPATH=harness $(keep) mutants $(BUILD)/python harness/mutants/survey.py $(NAMES)

repairs: all ## grade every right and wrong repair of every exercise; `make test` grades one of each kind
	@LINGER_REPAIRS=1 $(BUILD)/linger test -- harness/tests/test_repairs.py $(ARGS)
