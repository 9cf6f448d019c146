/* The relay's sockets: made non-blocking, closed on exec. */
#ifndef DHARMA_RUN_ENDPOINT_H
#define DHARMA_RUN_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

/* The listener's backlog is full just now. */
#define ENDPOINT_BUSY (-2)

/* 127.0.0.1:port, or [::1]:port. Without IPv6 the latter gives -1; all else fails closed. */
int endpoint_listen_tcp(uint16_t port, bool v6);
/* Mode 0600. A socket left behind by a dead process is replaced; a live one is not. Fails closed. */
int endpoint_bind_unix(const char *path);
/* Until then, whoever connects to such a socket is refused. Fails closed. */
void endpoint_let_in(int fd, const char *path);
/* Whether somebody listens on the port, on loopback or any address; it is not connected to. Fails closed. */
bool endpoint_is_served(uint16_t port);
/* A connection under way: wait until it is writable, then ask for SO_ERROR. -1 on error. */
int endpoint_connect_tcp(uint16_t port, bool v6);
/* A connection made; ENDPOINT_BUSY, or -1 on error. */
int endpoint_connect_unix(const char *path);
/* Small writes go out at once; of no effect on unix sockets. */
void endpoint_tune(int fd);

#endif
