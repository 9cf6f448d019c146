/** @file cache_serve.h Gives a stored answer to a client, also while it is still being filled. */
#pragma once

#include "cache_object.h"
#include "chunk.h"
#include "framing.h"

struct cache_visit;

/** A client's place in the body it gets. */
struct cache_reader {
    struct cache_cursor cursor;
    uint64_t at, end;          // bytes of the object still to be sent; CACHE_NO_LENGTH: to its end
    struct chunk *loan;        // what queued bytes hold on to
    bool broken;               // the file that holds the body cannot be read
};

/** Whether the request is for a part of a large object that has long to come: the origin has it at once. */
bool cache_serve_is_far(const struct cache_object *o, const struct http1_head *request);
/** Queues the head for what the request asks of the visit's object, whose head is known. */
void cache_serve_head(struct cache_visit *v, const struct http1_head *request);
enum cache_served {
    CACHE_SERVED_WAIT,   // for room, or for the object to change
    CACHE_SERVED_DONE,
    CACHE_SERVED_CUT,    // it will never be whole
};
/** Queues as much of the body as there is, and room for. */
enum cache_served cache_serve_body(struct cache_visit *v);
void cache_serve_end(struct cache_reader *r);
