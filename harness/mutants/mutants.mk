.PHONY: mutants
mutants: all ## would the judge notice if a fixed program were a little wrong? (NAMES='closewait-leak', goes on where it was ended)
	@PYTHONPATH=harness $(keep) mutants $(BUILD)/python harness/mutants/survey.py $(NAMES)
