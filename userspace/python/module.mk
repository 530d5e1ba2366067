# SPDX-License-Identifier: GPL-2.0-only
# The Python module. There is nothing to build: it loads libpmpool. Included from
# the top.

PYTHONDIR ?= $(PREFIX)/lib/python3/dist-packages

.PHONY: install-python
install-python:
	install -d $(DESTDIR)$(PYTHONDIR)/pmpool
	install -m 0644 userspace/python/pmpool/*.py userspace/python/pmpool/py.typed \
		$(DESTDIR)$(PYTHONDIR)/pmpool
