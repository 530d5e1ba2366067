// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memcached text protocol: see doc/protocol.txt of memcached, which this
 * follows to the byte for the commands that pmkv has.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "protocol.h"

/* Expiry times up to this count from now, larger ones from 1970. */
#define RELATIVE_MAX	(60 * 60 * 24 * 30)

#define BAD_FORMAT	"CLIENT_ERROR bad command line format"
#define BINARY_MAGIC	'\x80'

/*
 * Buffers.
 */

bool buffer_reserve(struct buffer *b, size_t more)
{
	size_t capacity = b->capacity ? b->capacity : 4096;
	char *data;

	if (b->capacity - b->len >= more)
		return true;
	while (capacity - b->len < more)
		capacity *= 2;
	data = realloc(b->data, capacity);
	if (!data)
		return false;
	b->data = data;
	b->capacity = capacity;
	return true;
}

bool buffer_append(struct buffer *b, const void *data, size_t len)
{
	if (!buffer_reserve(b, len))
		return false;
	memcpy(b->data + b->len, data, len);
	b->len += len;
	return true;
}

void buffer_consume(struct buffer *b, size_t len)
{
	b->len -= len;
	if (b->len)
		memmove(b->data, b->data + len, b->len);
	else if (b->capacity > 64 * 1024)
		buffer_free(b);
}

void buffer_free(struct buffer *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

/*
 * A request being worked on.
 */

struct request {
	struct service *service;
	struct store *store;
	struct session *session;
	struct buffer *output;
	struct slice words;		/* the words after the command */
	bool quiet;			/* noreply */
	const char *rest;		/* what follows the line */
	size_t rest_len;
	size_t used;			/* bytes of it that were used up */
	bool incomplete;		/* more of it is needed: try again later */
};

static void emit(struct request *r, const void *data, size_t len)
{
	if (!buffer_append(r->output, data, len))
		r->session->state = SESSION_CLOSED;
}

__attribute__((format(printf, 2, 3)))
static void emit_line(struct request *r, const char *format, ...)
{
	char line[512];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line) - 2, format, args);
	va_end(args);
	if (len > (int)sizeof(line) - 3)
		len = sizeof(line) - 3;
	memcpy(line + len, "\r\n", 2);
	emit(r, line, len + 2);
}

/* The reply to a command, unless the client wants none. */
static void reply(struct request *r, const char *text)
{
	if (!r->quiet)
		emit_line(r, "%s", text);
}

/* The reply to what is not a proper command: always sent, lest a client wait. */
static void complain(struct request *r, const char *text)
{
	emit_line(r, "%s", text);
}

/* The reply for a result that means the same wherever it appears. */
static void reply_result(struct request *r, enum store_result result, const char *good)
{
	switch (result) {
	case STORE_OK:
		return reply(r, good);
	case STORE_NOT_FOUND:
		return reply(r, "NOT_FOUND");
	case STORE_NOT_STORED:
		return reply(r, "NOT_STORED");
	case STORE_EXISTS:
		return reply(r, "EXISTS");
	case STORE_TOO_LARGE:
		return reply(r, "SERVER_ERROR object too large for cache");
	case STORE_NO_MEMORY:
		return reply(r, "SERVER_ERROR out of memory");
	case STORE_NOT_NUMBER:
		return reply(r, "CLIENT_ERROR cannot increment or decrement non-numeric value");
	case STORE_DAMAGED:
		return reply(r, "SERVER_ERROR damaged item: its bytes are not those that were stored");
	}
}

/*
 * Words of a line.
 */

/* Take the next word; an empty one: there are no more. */
static struct slice next_word(struct slice *words)
{
	struct slice word;

	while (words->len && *words->data == ' ') {
		words->data++;
		words->len--;
	}
	word.data = words->data;
	while (words->len && *words->data != ' ') {
		words->data++;
		words->len--;
	}
	word.len = words->data - word.data;
	return word;
}

static bool word_is(struct slice word, const char *text)
{
	return word.len == strlen(text) && !memcmp(word.data, text, word.len);
}

static bool no_more_words(struct slice *words)
{
	return !next_word(words).len;
}

/* Whether the next and last word is noreply, or there is none. */
static bool only_noreply(struct request *r)
{
	struct slice word = next_word(&r->words);

	if (!word.len)
		return true;
	r->quiet = word_is(word, "noreply");
	return r->quiet && no_more_words(&r->words);
}

/* A key has 1 to 250 bytes, none of which is white space or a control character. */
static bool key_valid(struct slice key)
{
	if (!key.len || key.len > STORE_KEY_MAX)
		return false;
	for (size_t i = 0; i < key.len; i++)
		if ((unsigned char)key.data[i] <= ' ' || key.data[i] == 0x7f)
			return false;
	return true;
}

static bool parse_u64(struct slice word, uint64_t max, uint64_t *value)
{
	uint64_t n = 0;

	if (!word.len)
		return false;
	for (size_t i = 0; i < word.len; i++) {
		unsigned int digit = (unsigned char)word.data[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, digit, &n))
			return false;
	}
	*value = n;
	return n <= max;
}

/*
 * A time as the protocol has it: 0 is never, less is at once, up to 30 days is
 * from now, more is absolute. The result is absolute, for it must mean the same
 * to the next process and the next kernel.
 */
static bool parse_time(struct request *r, struct slice word, uint64_t *time)
{
	bool negative = word.len && *word.data == '-';
	uint64_t n;

	if (negative) {
		word.data++;
		word.len--;
	}
	if (!parse_u64(word, INT64_MAX, &n))
		return false;
	if (negative && n)
		*time = 1;
	else if (n && n <= RELATIVE_MAX)
		*time = r->store->now + n;
	else
		*time = n;
	return true;
}

/*
 * Commands.
 */

/* The data of a command that cannot be carried out must not be taken for commands. */
static void skip_data(struct request *r, uint64_t len)
{
	r->session->state = SESSION_SKIP_BYTES;
	r->session->skip = len + 2;
}

/*
 * Memory may be in items that are expired or flushed but not freed yet. Frees
 * some, not more than takes a few milliseconds. False: there are none.
 */
static bool make_room(struct request *r)
{
	if (!store_sweep_useful(r->store))
		return false;
	store_sweep(r->store, 64 * 1024);
	return true;
}

/* set add replace append prepend: KEY FLAGS TIME BYTES [noreply]; cas: one more. */
static void storage_command(struct request *r, int mode)
{
	struct slice key = next_word(&r->words);
	struct slice flags_word = next_word(&r->words);
	struct slice time_word = next_word(&r->words);
	struct slice len_word = next_word(&r->words);
	uint64_t flags, expires, len, cas = 0;
	enum store_result result;
	struct slice value;

	if (!len_word.len)
		return complain(r, "ERROR");
	/* No more than what can be skipped without wrapping. */
	if (!parse_u64(len_word, INT64_MAX, &len))
		return complain(r, "CLIENT_ERROR bad data chunk");
	if (!key_valid(key) || !parse_u64(flags_word, UINT32_MAX, &flags) ||
	    !parse_time(r, time_word, &expires) ||
	    (mode == STORE_CAS && !parse_u64(next_word(&r->words), UINT64_MAX, &cas)) ||
	    !only_noreply(r)) {
		skip_data(r, len);
		return complain(r, BAD_FORMAT);
	}
	if (len > r->store->max_value) {
		skip_data(r, len);
		return reply_result(r, STORE_TOO_LARGE, NULL);
	}

	/* A bad end of the data can be told by its first byte. */
	if (r->rest_len < len + 1 || (r->rest_len < len + 2 && r->rest[len] == '\r')) {
		r->incomplete = true;
		return;
	}
	if (r->rest[len] != '\r' || r->rest[len + 1] != '\n') {
		/*
		 * The length was wrong, so nothing tells where the next command
		 * starts; most likely behind the end of this line.
		 */
		r->used = len;
		r->session->state = SESSION_SKIP_LINE;
		return complain(r, "CLIENT_ERROR bad data chunk");
	}
	r->used = len + 2;
	r->service->sets++;
	value = (struct slice){ r->rest, len };
	result = store_put(r->store, mode, key, value, flags, expires, cas);
	if (result == STORE_NO_MEMORY && make_room(r))
		result = store_put(r->store, mode, key, value, flags, expires, cas);
	reply_result(r, result, "STORED");
}

/* get gets: KEY...; gat gats: TIME KEY... */
static void retrieval_command(struct request *r, int kind)
{
	struct session *session = r->session;
	struct slice words, key;

	session->with_cas = kind & 1;
	session->with_touch = kind & 2;
	if (session->with_touch) {
		struct slice time_word = next_word(&r->words);

		if (!time_word.len)
			return complain(r, "ERROR");
		if (!parse_time(r, time_word, &session->expires))
			return complain(r, "CLIENT_ERROR invalid exptime argument");
	}

	words = r->words;
	key = next_word(&words);
	if (!key.len)
		return complain(r, "ERROR");
	for (; key.len; key = next_word(&words))
		if (!key_valid(key))
			return complain(r, BAD_FORMAT);

	/* The values may be more than can be sent at once: key by key. */
	session->state = SESSION_KEYS;
}

static void retrieve(struct request *r, struct slice key)
{
	struct service *service = r->service;
	struct session *session = r->session;
	struct store_item item;
	enum store_result result = STORE_OK;
	char line[STORE_KEY_MAX + 80];
	int len;

	if (session->with_touch) {
		service->touches++;
		result = store_touch(r->store, key, session->expires);
	}
	if (result == STORE_OK)
		result = store_get(r->store, key, &item);
	service->gets++;
	if (result == STORE_NOT_FOUND)
		return;
	if (result != STORE_OK)
		return reply_result(r, result, NULL);
	service->get_hits++;

	len = snprintf(line, sizeof(line), "VALUE %.*s %" PRIu32 " %zu", (int)key.len,
		       key.data, item.flags, item.value.len);
	if (session->with_cas)
		len += snprintf(line + len, sizeof(line) - len, " %" PRIu64, item.cas);
	emit(r, line, len);
	emit(r, "\r\n", 2);
	emit(r, item.value.data, item.value.len);
	emit(r, "\r\n", 2);
}

/* delete KEY [0] [noreply] */
static void delete_command(struct request *r, int unused)
{
	struct slice key = next_word(&r->words);
	struct slice words = r->words;

	(void)unused;
	if (!key.len)
		return complain(r, "ERROR");
	/* Old clients send a time of 0, which no longer means anything. */
	if (word_is(next_word(&words), "0"))
		r->words = words;
	if (!key_valid(key) || !only_noreply(r))
		return complain(r, BAD_FORMAT ".  Usage: delete <key> [noreply]");
	reply_result(r, store_delete(r->store, key), "DELETED");
}

/* incr decr: KEY DELTA [noreply] */
static void number_command(struct request *r, int subtract)
{
	struct slice key = next_word(&r->words);
	struct slice delta_word = next_word(&r->words);
	uint64_t delta, value = 0;
	enum store_result result;
	char text[24];

	if (!delta_word.len)
		return complain(r, "ERROR");
	if (!key_valid(key) || !only_noreply(r))
		return complain(r, BAD_FORMAT);
	if (!parse_u64(delta_word, UINT64_MAX, &delta))
		return complain(r, "CLIENT_ERROR invalid numeric delta argument");
	result = store_add(r->store, key, delta, subtract, &value);
	if (result == STORE_NO_MEMORY && make_room(r))
		result = store_add(r->store, key, delta, subtract, &value);
	snprintf(text, sizeof(text), "%" PRIu64, value);
	reply_result(r, result, text);
}

/* touch KEY TIME [noreply] */
static void touch_command(struct request *r, int unused)
{
	struct slice key = next_word(&r->words);
	struct slice time_word = next_word(&r->words);
	uint64_t expires;

	(void)unused;
	if (!time_word.len)
		return complain(r, "ERROR");
	if (!key_valid(key) || !only_noreply(r))
		return complain(r, BAD_FORMAT);
	if (!parse_time(r, time_word, &expires))
		return complain(r, "CLIENT_ERROR invalid exptime argument");
	r->service->touches++;
	reply_result(r, store_touch(r->store, key, expires), "TOUCHED");
}

/* flush_all [TIME] [noreply] */
static void flush_command(struct request *r, int unused)
{
	struct slice words = r->words;
	struct slice word = next_word(&words);
	uint64_t at = 0;

	(void)unused;
	if (word.len && !word_is(word, "noreply")) {
		if (!parse_time(r, word, &at))
			return complain(r, BAD_FORMAT);
		r->words = words;
	}
	if (!only_noreply(r))
		return complain(r, BAD_FORMAT);
	r->service->flushes++;
	store_flush(r->store, at);
	reply(r, "OK");
}

static void general_stats(struct request *r)
{
	const struct service *service = r->service;
	struct store_counts counts;
	struct rusage usage;

	store_count(r->store, &counts);
	getrusage(RUSAGE_SELF, &usage);
#define STAT(name, format, value) emit_line(r, "STAT " name " " format, value)
	STAT("pid", "%ld", (long)getpid());
	STAT("uptime", "%" PRId64, r->store->now - service->started);
	STAT("time", "%" PRId64, r->store->now);
	STAT("version", "%s", PROTOCOL_VERSION);
	STAT("pointer_size", "%zu", 8 * sizeof(void *));
	emit_line(r, "STAT rusage_user %ld.%06ld", (long)usage.ru_utime.tv_sec,
		  (long)usage.ru_utime.tv_usec);
	emit_line(r, "STAT rusage_system %ld.%06ld", (long)usage.ru_stime.tv_sec,
		  (long)usage.ru_stime.tv_usec);
	STAT("max_connections", "%u", service->max_connections);
	STAT("curr_connections", "%" PRIu64, service->connections);
	STAT("total_connections", "%" PRIu64, service->total_connections);
	STAT("cmd_get", "%" PRIu64, service->gets);
	STAT("cmd_set", "%" PRIu64, service->sets);
	STAT("cmd_flush", "%" PRIu64, service->flushes);
	STAT("cmd_touch", "%" PRIu64, service->touches);
	STAT("get_hits", "%" PRIu64, service->get_hits);
	STAT("get_misses", "%" PRIu64, service->gets - service->get_hits);
	STAT("bytes_read", "%" PRIu64, service->bytes_read);
	STAT("bytes_written", "%" PRIu64, service->bytes_written);
	STAT("limit_maxbytes", "%" PRIu64, counts.capacity);
	STAT("threads", "%d", 1);
	STAT("bytes", "%" PRIu64, counts.used);
	STAT("curr_items", "%" PRIu64, counts.items);
	STAT("evictions", "%d", 0);
	STAT("pmkv_generation", "%" PRIu64, r->store->header->generation);
	STAT("pmkv_reattach_us", "%" PRIu64, service->reattach_ns / 1000);
	STAT("pmkv_recovered", "%u", r->store->resolved);
	STAT("pmkv_clean", "%d", r->store->was_clean);
}

/* stats [reset | settings] */
static void stats_command(struct request *r, int unused)
{
	struct service *service = r->service;
	struct slice what = next_word(&r->words);

	(void)unused;
	if (!what.len) {
		general_stats(r);
	} else if (word_is(what, "reset")) {
		service->total_connections = 0;
		service->bytes_read = service->bytes_written = 0;
		service->gets = service->get_hits = service->sets = 0;
		service->touches = service->flushes = 0;
		return complain(r, "RESET");
	} else if (word_is(what, "settings")) {
		STAT("maxbytes", "%" PRIu64,
		     r->store->header->heap_end - r->store->header->heap);
		STAT("maxconns", "%u", service->max_connections);
		STAT("evictions", "%s", "off");
		STAT("item_size_max", "%" PRIu64, r->store->max_value);
		STAT("cas_enabled", "%s", "yes");
		STAT("num_threads", "%d", 1);
	} else if (!word_is(what, "items") && !word_is(what, "slabs") &&
		   !word_is(what, "sizes")) {
		/* Those three are about memcached's allocator: nothing to say. */
		return complain(r, "ERROR");
	}
	emit(r, "END\r\n", 5);
}
#undef STAT

static void version_command(struct request *r, int unused)
{
	(void)unused;
	complain(r, no_more_words(&r->words) ? "VERSION " PROTOCOL_VERSION : "ERROR");
}

/* Accepted for the sake of clients that send it: pmkv logs no more than it must. */
static void verbosity_command(struct request *r, int unused)
{
	struct slice words = r->words;
	struct slice word = next_word(&words);
	uint64_t level;

	(void)unused;
	if (!word.len)
		return complain(r, "ERROR");
	if (!word_is(word, "noreply")) {
		if (!parse_u64(word, UINT32_MAX, &level))
			return complain(r, BAD_FORMAT);
		r->words = words;
	}
	if (!only_noreply(r))
		return complain(r, BAD_FORMAT);
	reply(r, "OK");
}

static void quit_command(struct request *r, int unused)
{
	(void)unused;
	if (!no_more_words(&r->words))
		return complain(r, "ERROR");
	r->session->state = SESSION_CLOSED;
}

static const struct command {
	const char *name;
	void (*run)(struct request *r, int arg);
	int arg;
} commands[] = {
	{ "get", retrieval_command, 0 },
	{ "gets", retrieval_command, 1 },
	{ "gat", retrieval_command, 2 },
	{ "gats", retrieval_command, 3 },
	{ "set", storage_command, STORE_SET },
	{ "add", storage_command, STORE_ADD },
	{ "replace", storage_command, STORE_REPLACE },
	{ "append", storage_command, STORE_APPEND },
	{ "prepend", storage_command, STORE_PREPEND },
	{ "cas", storage_command, STORE_CAS },
	{ "delete", delete_command, 0 },
	{ "incr", number_command, false },
	{ "decr", number_command, true },
	{ "touch", touch_command, 0 },
	{ "flush_all", flush_command, 0 },
	{ "stats", stats_command, 0 },
	{ "version", version_command, 0 },
	{ "verbosity", verbosity_command, 0 },
	{ "quit", quit_command, 0 },
};

/*
 * The states of a session. Each of these functions takes what it can of the
 * input and returns how much that was; 0: it needs more.
 */

static size_t feed_command(struct request *r, const char *input, size_t len)
{
	struct session *session = r->session;
	const char *end = memchr(input, '\n', len < PROTOCOL_LINE_MAX ? len : PROTOCOL_LINE_MAX);
	struct slice line, name;
	size_t line_len;

	if (!session->seen && *input == BINARY_MAGIC) {
		complain(r, "CLIENT_ERROR the binary protocol is not spoken here: use the text protocol");
		session->state = SESSION_CLOSED;
		return len;
	}
	session->seen = true;
	if (!end) {
		if (len < PROTOCOL_LINE_MAX)
			return 0;
		complain(r, "CLIENT_ERROR line too long");
		session->state = SESSION_SKIP_LINE;
		return PROTOCOL_LINE_MAX;
	}

	line_len = end + 1 - input;
	line = (struct slice){ input, end - input };
	if (line.len && line.data[line.len - 1] == '\r')
		line.len--;
	r->words = line;
	r->quiet = false;
	r->rest = end + 1;
	r->rest_len = len - line_len;
	r->used = 0;
	r->incomplete = false;
	name = next_word(&r->words);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!word_is(name, commands[i].name))
			continue;
		commands[i].run(r, commands[i].arg);
		if (r->incomplete)
			return 0;
		/* The keys of a get are left for feed_keys(). */
		if (session->state == SESSION_KEYS)
			return r->words.data - input;
		return line_len + r->used;
	}
	complain(r, "ERROR");
	return line_len;
}

/* Take one key of a get, or the end of its line. The whole line is there. */
static size_t feed_keys(struct request *r, const char *input, size_t len)
{
	const char *end = memchr(input, '\n', len);
	struct slice line = { input, end - input };
	struct slice key;

	if (line.len && line.data[line.len - 1] == '\r')
		line.len--;
	key = next_word(&line);
	if (key.len) {
		retrieve(r, key);
		return line.data - input;
	}
	emit(r, "END\r\n", 5);
	if (r->session->state == SESSION_KEYS)
		r->session->state = SESSION_COMMAND;
	return end + 1 - input;
}

static size_t feed_skip_bytes(struct request *r, size_t len)
{
	struct session *session = r->session;

	if (len > session->skip)
		len = session->skip;
	session->skip -= len;
	if (!session->skip)
		session->state = SESSION_COMMAND;
	return len;
}

static size_t feed_skip_line(struct request *r, const char *input, size_t len)
{
	const char *end = memchr(input, '\n', len);

	if (!end)
		return len;
	r->session->state = SESSION_COMMAND;
	return end + 1 - input;
}

size_t protocol_feed(struct service *service, struct session *session,
		     const char *input, size_t len, struct buffer *output)
{
	struct request r = {
		.service = service,
		.store = service->store,
		.session = session,
		.output = output,
	};
	size_t used = 0, n;

	while (used < len && output->len < PROTOCOL_OUTPUT_HIGH) {
		switch (session->state) {
		case SESSION_COMMAND:
			n = feed_command(&r, input + used, len - used);
			break;
		case SESSION_KEYS:
			n = feed_keys(&r, input + used, len - used);
			break;
		case SESSION_SKIP_BYTES:
			n = feed_skip_bytes(&r, len - used);
			break;
		case SESSION_SKIP_LINE:
			n = feed_skip_line(&r, input + used, len - used);
			break;
		case SESSION_CLOSED:
		default:
			return len;
		}
		if (!n)
			break;
		used += n;
	}
	return used;
}
