# SPDX-License-Identifier: GPL-2.0-only
"""Boots stock Debian kernels in QEMU for the tests. The command line is tests/vm/vm."""
