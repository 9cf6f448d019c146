/** @file response.h The head of an upstream's answer: interim ones, the final one, the switch to a tunnel. */
#pragma once

#include "exchange.h"

enum response_result {
    RESPONSE_WAIT,    // the head is not complete
    RESPONSE_READY,   // the final head was queued for the client; the body follows
    RESPONSE_TUNNEL,  // 101 was queued
    RESPONSE_NO_TUNNEL,  // a WebSocket over HTTP/2 was asked for, and the node answered it as an ordinary request: 501
    RESPONSE_BAD,     // 502
    RESPONSE_CUT,     // the connection ended before a whole head
};

/** A final head that another exchange got goes to this one's client; the body follows. */
void response_pass_on(struct exchange *x, struct http1_head *head, const struct framing *f);
/** An interim one, to a client that can understand it. */
void response_pass_interim(struct exchange *x, struct http1_head *head, const struct framing *f);
/** Reads and passes on what heads have arrived. */
enum response_result response_read_head(struct exchange *x);
