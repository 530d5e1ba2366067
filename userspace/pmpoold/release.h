/* SPDX-License-Identifier: GPL-2.0-only */
/* Releases of kernels, as uname -r says them. */
#ifndef PMPOOLD_RELEASE_H
#define PMPOOLD_RELEASE_H

/* Which is newer: below 0, 0 or above 0, in the order in which dpkg sorts versions. */
int release_compare(const char *a, const char *b);

/*
 * What a distribution calls the flavour: "-cloud-amd64" of
 * "6.12.117+deb12-cloud-amd64". Points into release; "" when there is none.
 */
const char *release_flavour(const char *release);

#endif
