# SPDX-License-Identifier: GPL-2.0-only
# Completion for shells. Included from the top.

PREFIX ?= /usr
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
# Where Debian's zsh looks for what packages bring.
ZSHCOMPDIR ?= $(PREFIX)/share/zsh/vendor-completions

SCRIPT_TESTS += completions/test/complete.py

.PHONY: install-completions
install-completions:
	install -d $(DESTDIR)$(BASHCOMPDIR) $(DESTDIR)$(ZSHCOMPDIR)
	install -m 0644 completions/pmpoolctl.bash $(DESTDIR)$(BASHCOMPDIR)/pmpoolctl
	install -m 0644 completions/_pmpoolctl $(DESTDIR)$(ZSHCOMPDIR)
