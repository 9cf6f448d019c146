/** @file cache_head.h Heads of stored answers: as they are kept, and as clients get them. */
#pragma once

#include "cache_object.h"
#include "cache_vary.h"
#include "framing.h"

/** Sets status, head and variant of a pending object. false: the answer varies by too much to be stored. */
bool cache_head_store(struct cache_object *o, const struct http1_head *answer, const struct framing *f, const struct http1_head *request, const struct cache_shown *shown, struct span date);
/**
 * The stored head as a 304 updates it (RFC 9111 3.2); its fields point into both.
 * @return false: the 304 is of another representation
 */
bool cache_head_update(struct http1_head *out, const struct cache_object *stored, const struct http1_head *not_modified, const struct framing *f);
/** Parses a stored head. */
void cache_head_parse(const struct cache_object *o, struct http1_head *out);

/** What a client's head gets beside what is stored. */
struct cache_head_reply {
    int status;                // 200 (any stored one), 206, 304 or 416
    int64_t age;
    uint64_t length;           // of the body that follows, CACHE_NO_LENGTH: not known
    uint64_t from, whole;      // 206, 416
    bool chunked, close, keep_alive_1_0;
    struct span how;           // Cache-Status (RFC 9211), behind the cache's name
};
size_t cache_head_bound(const struct cache_object *o);
/** Writes a whole head; returns its length. */
size_t cache_head_write(char *out, const struct cache_object *o, const struct cache_head_reply *r);
