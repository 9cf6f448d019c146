/** @file request.h What a request's head says about its exchange, and the head that goes to the node. */
#pragma once

#include "exchange.h"

/** Whether the client is one of `trusted`. */
bool request_trusts(struct client *c, const struct snapshot *s);
/** Last element of the received X-Forwarded-For: the client as the trusted peer saw it. n == 0: none. */
struct span request_forwarded_client(const struct http1_head *head);
/**
 * Reads the head in w->head and w->framing into the exchange: endpoint, stickiness, body, connection, trust, id; queues the
 * rewritten head.
 */
void request_prepare(struct exchange *x, struct outq *out, size_t head_bytes);
