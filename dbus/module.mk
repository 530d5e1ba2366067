# SPDX-License-Identifier: GPL-2.0-only
# Who may talk to pmpoold on the system bus, and what starts it. Included from
# the top.

PREFIX ?= /usr
MANDIR ?= $(PREFIX)/share/man

.PHONY: install-dbus
install-dbus:
	install -d $(DESTDIR)$(PREFIX)/share/dbus-1/system.d \
		$(DESTDIR)$(PREFIX)/share/dbus-1/system-services $(DESTDIR)$(MANDIR)/man5
	install -m 0644 dbus/org.pmpool1.conf $(DESTDIR)$(PREFIX)/share/dbus-1/system.d
	install -m 0644 dbus/org.pmpool1.service $(DESTDIR)$(PREFIX)/share/dbus-1/system-services
	install -m 0644 man/org.pmpool1.5 $(DESTDIR)$(MANDIR)/man5
