/**
 * @file sticky.h
 * Stickiness by cookie: the proxy's own cookie names the node a client was served by. It says a hash of the node's name,
 * so that no address of the inside is told (as those of other balancers tell it), and holds for the session.
 */
#pragma once

#include "http1.h"

/** Bytes of a Set-Cookie line at most: the name has 64 at most. */
#define STICKY_LINE 192u

/** The key of the node that the client's cookie of that name gives; 0: none that is well-formed. */
uint64_t sticky_read(const struct http1_head *head, struct span name);
/**
 * Adds the cookie to an answer's head, as a field whose line stands in `line`.
 * @return bytes of the line; 0: the head has no room for a field
 */
size_t sticky_add(struct http1_head *head, char line[STICKY_LINE], struct span name, uint64_t key, bool secure);
