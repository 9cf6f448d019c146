/**
 * @file h2_head.h
 * A request's head as HTTP/2 carries it (RFC 9113 8.3), turned into one of HTTP/1.1, so that one parser, one set of rules
 * and one form of record serve both.
 */
#pragma once

#include "base.h"

/** Collects the fields of one head. A zeroed one is empty. */
struct h2_head {
    char *fields;                   // "name: value\r\n" lines
    size_t size, room;
    char *method, *path, *authority, *host, *cookie;
    char *protocol;                 // of an extended CONNECT (RFC 8441 4): what the stream is to carry; NULL: it is a request
    size_t seen;                    // bytes of all fields, also of those not kept
    bool bad;                       // see h2_head_is_bad
    bool large;                     // 431
};

/**
 * Adds a field. nghttp2 has checked names and values; what would change a line of HTTP/1.1 is looked for once more.
 * @param limit bytes of all fields together
 */
void h2_head_add(struct h2_head *h, struct span name, struct span value, size_t limit);
/** Whether it cannot be a request: 400. */
bool h2_head_is_bad(const struct h2_head *h);
/** Whether it opens a WebSocket. */
bool h2_head_is_websocket(const struct h2_head *h);
/** Upper bound of what h2_head_write writes. */
size_t h2_head_bound(const struct h2_head *h);
/**
 * Writes the head; that of a WebSocket as the upgrade which HTTP/1.1 has for it.
 * @param key its Sec-WebSocket-Key
 * @return its length
 */
size_t h2_head_write(const struct h2_head *h, const char *key, char *out);
/** The lines of a trailer section, with its end; empty: there are none. */
struct span h2_head_trailers(struct h2_head *h);
void h2_head_clear(struct h2_head *h);
