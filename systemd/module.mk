# SPDX-License-Identifier: GPL-2.0-only
# Units and what belongs to them. Included from the top.

PREFIX ?= /usr
SYSTEMDDIR ?= $(PREFIX)/lib/systemd
UNITDIR ?= $(SYSTEMDDIR)/system
SYSCONFDIR ?= /etc

.PHONY: install-systemd
install-systemd:
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSTEMDDIR)/system-preset \
		$(DESTDIR)$(SYSTEMDDIR)/system-shutdown $(DESTDIR)$(PREFIX)/lib/sysctl.d \
		$(DESTDIR)$(PREFIX)/lib/modules-load.d $(DESTDIR)$(PREFIX)/lib/sysusers.d \
		$(DESTDIR)$(SYSCONFDIR)/pmpool/pmkv \
		$(DESTDIR)$(SYSCONFDIR)/kernel/postinst.d $(DESTDIR)$(SYSCONFDIR)/kernel/postrm.d
	install -m 0644 systemd/pmpoold.service systemd/pmpool-kexec.service \
		systemd/pmkv@.service $(DESTDIR)$(UNITDIR)
	install -m 0755 systemd/pmpool.shutdown $(DESTDIR)$(SYSTEMDDIR)/system-shutdown
	install -m 0644 systemd/pmpool.sysctl.conf \
		$(DESTDIR)$(PREFIX)/lib/sysctl.d/60-pmpool.conf
	install -m 0644 systemd/80-pmpool.preset $(DESTDIR)$(SYSTEMDDIR)/system-preset
	install -m 0644 systemd/pmpool.modules-load.conf \
		$(DESTDIR)$(PREFIX)/lib/modules-load.d/pmpool.conf
	install -m 0644 systemd/pmpool.sysusers.conf \
		$(DESTDIR)$(PREFIX)/lib/sysusers.d/pmpool.conf
	install -m 0755 systemd/pmpool.kernel-hook \
		$(DESTDIR)$(SYSCONFDIR)/kernel/postinst.d/zz-pmpool
	install -m 0755 systemd/pmpool.kernel-hook \
		$(DESTDIR)$(SYSCONFDIR)/kernel/postrm.d/zz-pmpool
