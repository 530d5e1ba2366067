/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: the server
 *
 * Listens, accepts, and carries bytes between sockets and protocol.h. One
 * thread; nothing it does blocks. A client that sends without reading gets no
 * more of its commands carried out until it has read, and can hold no more memory
 * than one line, one value and PROTOCOL_OUTPUT_HIGH plus one value.
 */
#ifndef PMKV_SERVER_H
#define PMKV_SERVER_H

#include "protocol.h"

struct server;

struct server *server_new(struct service *service);
void server_free(struct server *server);

/*
 * Listen on "HOST:PORT", where HOST is a loopback address, or on the path of a
 * Unix socket. Both print what is wrong and return -1 on failure.
 */
int server_listen_tcp(struct server *server, const char *address);
int server_listen_unix(struct server *server, const char *path);

/*
 * Serve until SIGTERM or SIGINT, which the caller has blocked. Returns 0, or a
 * negative errno when the server itself cannot go on.
 */
int server_run(struct server *server);

#endif /* PMKV_SERVER_H */
