// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event loop: sockets on one side, protocol_feed() on the other.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define READ_SIZE	(64 * 1024)

/*
 * Sweeping: a tenth of a second apart, so many buckets, while there is something
 * to free; a pass over the items that may expire at most once a minute.
 */
#define SWEEP_INTERVAL_MS	100
#define SWEEP_BUCKETS		8192
#define SWEEP_PAUSE		60

/* What an event in epoll belongs to; the first member of what it is part of. */
struct source {
	enum { SOURCE_LISTEN, SOURCE_SIGNAL, SOURCE_CLIENT } kind;
	int fd;
};

struct client {
	struct source source;
	uint32_t events;		/* that epoll waits for */
	struct session session;
	struct buffer input;
	struct buffer output;
	bool ended;			/* it will send nothing more */
	struct client *next, *back;
};

struct server {
	struct service *service;
	int epoll;
	struct source signal;
	struct source listen[2];
	unsigned int listening;
	char *unix_path;		/* to remove in the end */
	struct client *clients;
	bool accepting;
	int64_t next_pass;		/* of sweeping */
	bool sweeping;			/* in the middle of a pass */
};

static int watch(struct server *server, struct source *source, uint32_t events, int op)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	return epoll_ctl(server->epoll, op, source->fd, &event) ? -errno : 0;
}

struct server *server_new(struct service *service)
{
	struct server *server = calloc(1, sizeof(*server));
	sigset_t signals;

	if (!server)
		return NULL;
	server->service = service;
	server->signal = (struct source){ SOURCE_SIGNAL, -1 };
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll < 0)
		goto free_server;
	server->signal.fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (server->signal.fd < 0)
		goto close_epoll;
	if (watch(server, &server->signal, EPOLLIN, EPOLL_CTL_ADD) < 0)
		goto close_signal;
	server->accepting = true;
	return server;

close_signal:
	close(server->signal.fd);
close_epoll:
	close(server->epoll);
free_server:
	free(server);
	return NULL;
}

/* Start or stop accepting: at the limit, further clients wait in the backlog. */
static void set_accepting(struct server *server, bool accepting)
{
	if (server->accepting == accepting)
		return;
	server->accepting = accepting;
	for (unsigned int i = 0; i < server->listening; i++)
		watch(server, &server->listen[i], accepting ? EPOLLIN : 0, EPOLL_CTL_MOD);
}

static void client_free(struct server *server, struct client *client)
{
	close(client->source.fd);
	if (client->back)
		client->back->next = client->next;
	else
		server->clients = client->next;
	if (client->next)
		client->next->back = client->back;
	buffer_free(&client->input);
	buffer_free(&client->output);
	free(client);
	server->service->connections--;
	set_accepting(server, true);
}

void server_free(struct server *server)
{
	while (server->clients)
		client_free(server, server->clients);
	for (unsigned int i = 0; i < server->listening; i++)
		close(server->listen[i].fd);
	if (server->unix_path)
		unlink(server->unix_path);
	free(server->unix_path);
	close(server->signal.fd);
	close(server->epoll);
	free(server);
}

/*
 * Listening.
 */

static int start_listening(struct server *server, int fd, const char *what)
{
	struct source *source = &server->listen[server->listening];

	*source = (struct source){ SOURCE_LISTEN, fd };
	if (listen(fd, SOMAXCONN) || watch(server, source, EPOLLIN, EPOLL_CTL_ADD) < 0) {
		fprintf(stderr, "pmkv: cannot listen on %s: %m\n", what);
		close(fd);
		return -1;
	}
	server->listening++;
	return 0;
}

static int parse_address(const char *text, struct sockaddr_storage *address, socklen_t *len)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
	struct sockaddr_in *in = (struct sockaddr_in *)address;
	const char *colon = strrchr(text, ':');
	unsigned long port;
	char host[64], *end;

	if (!colon || colon == text || (size_t)(colon - text) >= sizeof(host))
		return -1;
	port = strtoul(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end || port > UINT16_MAX)
		return -1;
	memcpy(host, text, colon - text);
	host[colon - text] = '\0';

	memset(address, 0, sizeof(*address));
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		*len = sizeof(*in6);
		return inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1 ? 0 : -1;
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	*len = sizeof(*in);
	return inet_pton(AF_INET, strcmp(host, "localhost") ? host : "127.0.0.1",
			 &in->sin_addr) == 1 ? 0 : -1;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

int server_listen_tcp(struct server *server, const char *text)
{
	struct sockaddr_storage address;
	int fd, one = 1;
	socklen_t len;

	if (parse_address(text, &address, &len) < 0) {
		fprintf(stderr, "pmkv: '%s' is no address: give it as 127.0.0.1:11211 or [::1]:11211\n",
			text);
		return -1;
	}
	if (!is_loopback(&address)) {
		fprintf(stderr, "pmkv: %s is no loopback address: the protocol knows no authentication, so pmkv serves this machine only; use 127.0.0.1 or [::1]\n",
			text);
		return -1;
	}
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		fprintf(stderr, "pmkv: cannot make a socket for %s: %m\n", text);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, len)) {
		fprintf(stderr, "pmkv: cannot bind to %s: %m\n", text);
		close(fd);
		return -1;
	}
	return start_listening(server, fd, text);
}

/* Remove a socket that a killed server left behind; leave anything else. */
static int remove_stale_socket(const struct sockaddr_un *address)
{
	struct stat st;
	int fd, err;

	if (lstat(address->sun_path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		fprintf(stderr, "pmkv: %s exists and is no socket: remove it, or use another path\n",
			address->sun_path);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	err = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
	close(fd);
	if (err != ECONNREFUSED) {
		fprintf(stderr, "pmkv: another server listens on %s: stop it, or use another path\n",
			address->sun_path);
		return -1;
	}
	unlink(address->sun_path);
	return 0;
}

int server_listen_unix(struct server *server, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (!*path || strlen(path) >= sizeof(address.sun_path)) {
		fprintf(stderr, "pmkv: the path of a socket has 1 to %zu characters, not %zu: '%s'\n",
			sizeof(address.sun_path) - 1, strlen(path), path);
		return -1;
	}
	strcpy(address.sun_path, path);
	if (remove_stale_socket(&address) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		fprintf(stderr, "pmkv: cannot make the socket %s: %m\n", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	server->unix_path = strdup(path);
	return start_listening(server, fd, path);
}

/*
 * Clients.
 */

static void accept_client(struct server *server, int listen_fd)
{
	struct service *service = server->service;
	struct client *client;
	int fd, one = 1;

	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		/* Out of descriptors: wait until a client goes. */
		if ((errno == EMFILE || errno == ENFILE) && server->clients)
			set_accepting(server, false);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	client = calloc(1, sizeof(*client));
	if (!client) {
		close(fd);
		return;
	}
	client->source = (struct source){ SOURCE_CLIENT, fd };
	client->events = EPOLLIN;
	if (watch(server, &client->source, client->events, EPOLL_CTL_ADD) < 0) {
		close(fd);
		free(client);
		return;
	}
	client->next = server->clients;
	if (client->next)
		client->next->back = client;
	server->clients = client;
	service->connections++;
	service->total_connections++;
	if (service->connections >= service->max_connections)
		set_accepting(server, false);
}

/* Returns false when the client is gone. */
static bool client_read(struct server *server, struct client *client)
{
	struct buffer *input = &client->input;
	ssize_t n;

	/* Never full: what protocol_feed() leaves is bounded, see protocol.h. */
	if (!buffer_reserve(input, READ_SIZE))
		return false;
	n = read(client->source.fd, input->data + input->len, input->capacity - input->len);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		client->ended = true;
	input->len += n;
	server->service->bytes_read += n;
	return true;
}

/* Send what can be sent. Returns false when the client is gone. */
static bool client_write(struct server *server, struct client *client)
{
	struct buffer *output = &client->output;
	size_t sent = 0;
	ssize_t n;

	while (sent < output->len) {
		n = send(client->source.fd, output->data + sent, output->len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0)
			break;
		sent += n;
	}
	server->service->bytes_written += sent;
	buffer_consume(output, sent);
	return true;
}

static void client_event(struct server *server, struct client *client, uint32_t events)
{
	struct session *session = &client->session;
	unsigned int rounds = 0;
	uint32_t wanted = 0;
	size_t used;
	bool held;

	if ((events & EPOLLIN) && !client_read(server, client))
		goto gone;
	/* First of all make room, or protocol_feed() would have nothing to do. */
	if (!client_write(server, client))
		goto gone;
	/* As long as there is something to do, but let the others have their turn. */
	do {
		/* Then it is not for want of input that nothing is done. */
		held = client->output.len >= PROTOCOL_OUTPUT_HIGH;
		used = protocol_feed(server->service, session, client->input.data,
				     client->input.len, &client->output);
		buffer_consume(&client->input, used);
		if (!client_write(server, client))
			goto gone;
	} while ((used || held) && client->input.len &&
		 client->output.len < PROTOCOL_OUTPUT_HIGH && ++rounds < 16);

	if (client->output.len || ((used || held) && client->input.len))
		wanted |= EPOLLOUT;
	if (session->state == SESSION_CLOSED || client->ended) {
		/* Everything was done and sent, or nobody is left to send it to. */
		if (!wanted || (events & (EPOLLHUP | EPOLLERR)))
			goto gone;
	} else if (client->output.len < PROTOCOL_OUTPUT_HIGH) {
		wanted |= EPOLLIN;
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		goto gone;
	}
	if (wanted == client->events)
		return;
	client->events = wanted;
	if (watch(server, &client->source, wanted, EPOLL_CTL_MOD) == 0)
		return;
gone:
	client_free(server, client);
}

/*
 * The loop.
 */

/* Free a few items that are expired or flushed. Returns how long to wait, in ms. */
static int sweep(struct server *server)
{
	struct store *store = server->service->store;

	if (!store_sweep_useful(store)) {
		server->sweeping = false;
		/* A flush that is yet to come must not wait for a client. */
		return store->header->flush_at ? 1000 : -1;
	}
	/* What was flushed is freed right away, what may have expired now and then. */
	if (!server->sweeping && store->header->swept == store->header->flushed &&
	    store->now < server->next_pass)
		return 1000;
	server->sweeping = !store_sweep(store, SWEEP_BUCKETS);
	if (!server->sweeping)
		server->next_pass = store->now + SWEEP_PAUSE;
	return SWEEP_INTERVAL_MS;
}

static int64_t milliseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

int server_run(struct server *server)
{
	int64_t now, next_sweep = 0;
	struct epoll_event events[64];
	struct source *source;
	int n, timeout = 0;

	for (;;) {
		n = epoll_wait(server->epoll, events, 64, timeout);
		if (n < 0 && errno != EINTR)
			return -errno;
		store_tick(server->service->store, time(NULL));
		for (int i = 0; i < n; i++) {
			source = events[i].data.ptr;
			switch (source->kind) {
			case SOURCE_SIGNAL:
				return 0;
			case SOURCE_LISTEN:
				accept_client(server, source->fd);
				break;
			case SOURCE_CLIENT:
				client_event(server, (struct client *)source, events[i].events);
				break;
			}
		}
		now = milliseconds();
		if (now >= next_sweep) {
			timeout = sweep(server);
			next_sweep = timeout < 0 ? now : now + timeout;
		} else {
			timeout = next_sweep - now;
		}
	}
}
