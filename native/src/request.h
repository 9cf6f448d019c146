/** @file request.h What a request's head says about its exchange, and the head that goes to the node. */
#pragma once

#include "exchange.h"

/** Whether the client is one of `trusted`. */
bool request_trusts(struct client *c, const struct snapshot *s);
/**
 * The address of who asks: the one a trusted peer names in X-Forwarded-For, else the peer's.
 * @param out 16 bytes, IPv4 as ::ffff:a.b.c.d
 * @return false: it has none
 */
bool request_client(struct client *c, const struct snapshot *s, const struct http1_head *head, unsigned char out[16]);
/**
 * Reads the head in w->head and w->framing into the exchange: endpoint, stickiness, body, connection, trust, id; queues the
 * rewritten head (not yet that of an asset).
 */
void request_prepare(struct exchange *x, struct outq *out, size_t head_bytes);
/** Queues the rewritten head: for an asset, once it is known that the origin is asked. */
void request_write_head(struct exchange *x, struct outq *out, size_t head_bytes);
