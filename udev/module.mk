# SPDX-License-Identifier: GPL-2.0-only
# udev rules. Included from the top.

PREFIX ?= /usr
UDEVRULESDIR ?= $(PREFIX)/lib/udev/rules.d

.PHONY: install-udev
install-udev:
	install -d $(DESTDIR)$(UDEVRULESDIR)
	install -m 0644 udev/60-pmpool.rules $(DESTDIR)$(UDEVRULESDIR)
