/**
 * @file rewrite.h
 * Writes the head that goes on: the received fields without what belongs to one hop (RFC 9110 7.6.1), and what a proxy
 * adds. Runs of kept lines are copied in one piece.
 */
#pragma once

#include "forwarded.h"
#include "framing.h"

/** What a request head gets from the proxy. */
struct rewrite_request {
    struct span client;           // the peer's address, text
    struct span fallback_host;    // Host for an HTTP/1.0 client that sent none
    struct span exchange_field;   // n == 0: none
    uint64_t exchange_id;
    struct span more;             // further lines
    bool tls;                     // the client's connection is encrypted
    bool trusted;                 // what the peer claims (claims.h) is believed, and its chain extended
};

/** What a response head gets from the proxy. */
struct rewrite_response {
    bool chunked;         // the body is sent in the chunked coding
    bool drop_length;     // Content-Length must not be sent on
    bool close;           // last answer on this connection
    bool keep_alive_1_0;  // tell an HTTP/1.0 client that the connection stays
    struct span date;     // IMF-fixdate, added where the upstream sent none
};

/** Upper bound of what rewrite_request_head writes. */
size_t rewrite_request_bound(size_t head_bytes, const struct http1_head *head, const struct framing *f, const struct rewrite_request *how);
/** Writes the head for the upstream; returns its length. */
size_t rewrite_request_head(char *out, const struct http1_head *head, const struct framing *f, const struct rewrite_request *how);
/** Upper bound of what rewrite_response_head writes. */
size_t rewrite_response_bound(size_t head_bytes);
/** Writes the head for the client; returns its length. */
size_t rewrite_response_head(char *out, const struct http1_head *head, const struct framing *f, const struct rewrite_response *how);
/** Whether a response field stays on this side of the proxy. */
bool rewrite_drops_response_field(const struct http1_field *f, const struct framing *framing, const struct rewrite_response *how);
/** Writes the trailer fields that may travel, and the blank line; returns the length (at most the section's + 2). */
size_t rewrite_trailers(char *out, const struct http1_head *trailers);
/** 16 lower-case hex digits. */
void rewrite_hex16(char out[16], uint64_t v);
