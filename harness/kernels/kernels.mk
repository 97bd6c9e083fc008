.PHONY: kernels kernels-document deps-kernels
kernels: all ## run scenarios on other kernels under QEMU (VERSIONS='5.10 7.3' SCENARIOS=all AGAIN=1; continues where it stopped)
	@PYTHONPATH=harness VERSIONS='$(or $(VERSIONS),5.10 6.1 6.12 6.18 7.3)' SCENARIOS='$(or $(SCENARIOS),all)' \
		$(BUILD)/python harness/kernels/matrix.py

deps-kernels: ## install the further Debian packages that `make kernels` needs
	@harness/deps kernels

kernels-document: all ## store what `make kernels` measured, and rewrite scenarios/KERNELS.md
	@harness/kernels/keep $(or $(RESULTS),results)/kernels harness/tests/kernels
	@LINGER_DOCUMENTS=1 $(BUILD)/linger test -- -n 1 harness/tests/test_kernels.py
