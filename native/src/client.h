/**
 * @file client.h
 * A client's connection: requests are read one after the other (pipelined ones wait in its buffer), each becomes an
 * exchange.
 */
#pragma once

#include "conn.h"
#include "pace.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct exchange;
struct h2;
struct h2_stream;

struct client {
    struct conn conn;
    struct exchange *x;        // the request being served
    struct h2 *h2;             // the connection speaks HTTP/2: its requests are clients of their own
    struct h2_stream *stream;  // this client is a stream of such a connection
    struct cache_fetch *fetch; // this client is the cache, which asks the origin
    bool until_end;            // a stream: DATA follow the head, END_STREAM ends the body
    bool awaits_proxy;         // a header of the PROXY protocol has to come first
    bool nameless;             // passed on for somebody who cannot be told: `peer` is not who speaks
    bool sniffed;              // which HTTP it speaks is known
    struct list link;          // worker->clients
    struct pace_reader reader; // it has to take what is sent; a caught-up one is not watched
    uint64_t head_since;       // when the first byte of an incomplete head came; 0: none
    uint32_t parsed;           // bytes of an incomplete head seen so far
    uint16_t port;
    unsigned listen;           // index of the config's listen it came in by
    bool closing;              // close once the output is flushed
    bool lingering;            // sending is over: what still comes is thrown away, so that no reset kills the answer
    bool unread;               // the client may still be sending a body nobody wants
    uint64_t counted_as;       // among its client's connections, see admit.h; 0: not counted
    bool tls;                  // encrypted
    bool trusted;              // as of trusted_serial
    uint64_t trusted_serial;
    char address[INET6_ADDRSTRLEN];
    char name[INET6_ADDRSTRLEN + 10];  // address:port, made when first asked for
    struct sockaddr_storage peer;  // the client, as a PROXY header tells it where one is expected
};

/** address:port, [v6]:port. */
const char *client_name(struct client *c);
/** Takes over a descriptor that the config's listen of that index accepted. */
void client_open(struct worker *w, int fd, const struct sockaddr_storage *peer, unsigned listen);
/** Makes a client of a stream of another's connection. */
void client_open_stream(struct client *c, const struct client *connection, const struct conn_layer *layer, void (*free_fn)(struct conn *c));
/** A stream's head stands in its buffer. @param refused 0, or the status it has to be refused with */
void client_request(struct client *c, int refused);
/** The exchange has ended and its answer is queued; goes on with the next request or closes. */
void client_next(struct client *c, bool keep_alive);
/** Closes at once; an exchange that is open counts as aborted by the client. */
void client_close(struct client *c);
/** Drain: idle connections close, the others after their answer. */
void client_drain(struct client *c);
