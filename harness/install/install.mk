# What users get: an installation, a Debian package, or a tar that needs no installation.
PREFIX = /usr/local
# Programs for people: each has a README for newcomers. The others serve these.
TOOLS := $(patsubst harness/%/README.md,%,$(wildcard $(COMPONENTS:%=harness/%/README.md)))
# Tools that inspect other programs, for machines where nothing may be installed.
PORTABLE := $(filter-out turncoat blame,$(TOOLS))
MANUALS := $(BUILD)/man

.PHONY: install uninstall portable deb dist
install: all $(MANUALS) ## install linger, census, wire, turncoat, blame and their manual pages (PREFIX=/usr/local DESTDIR=)
	@TOOLS='$(TOOLS)' MANUALS=$(MANUALS) harness/install/install '$(DESTDIR)$(PREFIX)' $(BUILD) $(PROGRAMS) $(PEERS)

uninstall: ## remove what was installed (PREFIX=/usr/local)
	@harness/install/install --remove '$(DESTDIR)$(PREFIX)'

dist: ## the sources of the last commit as a tar, build/dist/linger-*.tar.gz
	@harness/install/dist $(BUILD)/dist

deb: ## build a Debian package, build/deb/linger_*.deb
	@harness/install/deb $(BUILD)/deb

portable: $(PORTABLE:%=$(BUILD)/%) ## pack census and wire in a tar for any machine, build/portable/*.tar.gz
	@harness/install/portable $(BUILD) $(BUILD)/portable $(PORTABLE)

$(MANUALS): $(TOOLS:%=$(BUILD)/%) $(BUILD)/linger $(wildcard harness/linger/cli/*.py) harness/install/man
	$(Q)harness/install/man $(BUILD) $@ $(TOOLS)
