# SPDX-License-Identifier: GPL-2.0-only
# Debian packages. Included from the top.

.PHONY: deb
deb:
	@packaging/build $(BUILD)/deb
