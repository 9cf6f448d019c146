/**
 * @file h2_stream.h
 * A stream of HTTP/2 as a client with one request: its head becomes one of HTTP/1.1 in the buffer, its DATA are read as a
 * socket's bytes are, what the exchange queues goes out as DATA. Bodies need no framing of HTTP/1 in either direction.
 */
#pragma once

#include "client.h"
#include "framing.h"
#include "h2.h"
#include "h2_head.h"
#include "websocket.h"

/** Invariant: body.bytes <= the stream's receive window, since a window update follows only what was read. */
struct h2_stream {
    struct client client;    // first: freed as such
    struct h2 *h2;
    int32_t id;
    struct h2_head head;     // until the request begins; then its trailers
    char websocket_key[WEBSOCKET_KEY + 1];  // towards the node; empty: a request like any other
    struct outq body;        // received, not yet read
    uint64_t sent;           // bytes of the answer that went out
    bool body_end;           // END_STREAM was received
    bool began;              // the final head was submitted
    bool answered;           // nothing more comes from the exchange
    bool gone;               // nghttp2 has closed it
    char *trailers;          // a trailer section as HTTP/1 has it; NULL: none
};

/** A new stream whose HEADERS begin. */
struct h2_stream *h2_stream_open(struct h2 *h, int32_t id);
/** Its head is complete: the exchange begins, or it is refused. */
void h2_stream_request(struct h2_stream *s);
/** DATA. */
void h2_stream_receive(struct h2_stream *s, struct span data);
/** END_STREAM. */
void h2_stream_ended(struct h2_stream *s);
/** nghttp2 has closed the stream. @param in_order both sides have ended it */
void h2_stream_gone(struct h2_stream *s, bool in_order);
/** Moves n bytes of the first two segments of the stream's output to the connection's. */
void h2_stream_send(struct h2_stream *s, size_t n);
/** The bytes one DATA frame can take, at most `most`. */
size_t h2_stream_ready(const struct h2_stream *s, size_t most);

/** The request's trailer section; empty: there is none. false: it is none that may be sent on. */
bool h2_stream_trailers(struct h2_stream *s, struct span *section);
/** Whether it is to become a WebSocket. */
static inline bool h2_stream_is_websocket(const struct h2_stream *s) { return s->websocket_key[0]; }

/** Whether the client could send more: the windows it has to keep to are not used up. */
bool h2_stream_may_send(const struct h2_stream *s);
/** Whether it is the client's windows that hold up what is to be sent. */
bool h2_stream_is_withheld(const struct h2_stream *s);

/* What the exchange does with a client that is a stream. */

/**
 * A head of an answer, 1xx or final.
 * @param drop_length the length is not known
 * @param end no body follows
 */
void h2_stream_respond(struct h2_stream *s, const struct http1_head *head, const struct framing *f, bool drop_length, bool end);
void h2_stream_trail(struct h2_stream *s, const struct http1_head *trailers);
/** The answer is complete in the queue. */
void h2_stream_answered(struct h2_stream *s);
