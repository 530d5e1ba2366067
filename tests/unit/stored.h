/* SPDX-License-Identifier: GPL-2.0-only */
/* Included before format.c, so that a test is told of every store. */
struct pmpool_format;
void test_stored(const struct pmpool_format *fmt, const void *at);
#define pmpool_format_stored(fmt, at)	test_stored(fmt, at)
