/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: the memcached text protocol
 *
 * Turns the bytes that a client sent into operations on a store, and their
 * results into the bytes to send back. It knows no sockets: the server feeds it
 * whatever has arrived, cut anywhere, and it takes as much as it can use.
 */
#ifndef PMKV_PROTOCOL_H
#define PMKV_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

#ifndef PMKV_VERSION
#define PMKV_VERSION		"0.1.0"
#endif

/*
 * What clients are told: they take it for memcached's, to know what they may
 * send, and libmemcached gives up on a major version of 0.
 */
#define PROTOCOL_VERSION	"1.4.39-pmkv-" PMKV_VERSION

/* The longest line of a command; a get of many keys is the one that needs it. */
#define PROTOCOL_LINE_MAX	(64 * 1024)

/* No more is taken in while this much waits to be sent. */
#define PROTOCOL_OUTPUT_HIGH	(256 * 1024)

/* Bytes that grow. */
struct buffer {
	char *data;
	size_t len;
	size_t capacity;
};

/* Make room for this many more bytes. False: no memory. */
bool buffer_reserve(struct buffer *b, size_t more);
bool buffer_append(struct buffer *b, const void *data, size_t len);
/* Drop bytes from the front. */
void buffer_consume(struct buffer *b, size_t len);
void buffer_free(struct buffer *b);

/* What all sessions share. */
struct service {
	struct store *store;
	int64_t started;		/* seconds since 1970 */
	uint64_t reattach_ns;
	unsigned int max_connections;

	/* Since the start, or `stats reset`. */
	uint64_t connections;		/* now; not reset */
	uint64_t total_connections;
	uint64_t bytes_read, bytes_written;
	uint64_t gets, get_hits, sets, touches, flushes;
};

/* One client. All zeroes is a new session. */
struct session {
	enum {
		SESSION_COMMAND,	/* a line is expected */
		SESSION_KEYS,		/* in the middle of a get: more keys follow */
		SESSION_SKIP_BYTES,	/* data that is not wanted, skip bytes of it */
		SESSION_SKIP_LINE,	/* up to the next end of a line */
		SESSION_CLOSED,		/* send what there is to send, then close */
	} state;
	uint64_t skip;
	bool with_cas;			/* SESSION_KEYS: it is gets or gats */
	bool with_touch;		/* SESSION_KEYS: it is gat or gats */
	uint64_t expires;		/* SESSION_KEYS: for gat and gats */
	bool seen;			/* something was received */
};

/*
 * Take in input, as far as there are whole commands in it, and append the
 * replies to output. Returns how many bytes were used up; the rest has to be
 * offered again, with more behind it, once the output is below
 * PROTOCOL_OUTPUT_HIGH. A rest is never longer than a line, a value and a few
 * bytes. The session is closed when memory runs out.
 */
size_t protocol_feed(struct service *service, struct session *session,
		     const char *input, size_t len, struct buffer *output);

#endif /* PMKV_PROTOCOL_H */
