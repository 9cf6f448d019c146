/** @file reply.h Answers the proxy makes itself. */
#pragma once

#include "client.h"

/** An answer of our own. */
struct reply {
    int status;
    struct span field;  // one more header line, CRLF included; n == 0: none
    struct span body;   // text; n == 0: the reason phrase
};

/** The reason phrase of a status this proxy sends. */
struct span reply_reason(int status);
/** An answer as it was queued; both spans lie inside c->conn.out.scratch. */
struct reply_sent {
    struct span head, body;
};
/**
 * Queues an answer.
 * @param to_head no body
 * @param close adds Connection: close
 */
struct reply_sent reply_send(struct client *c, const struct reply *r, bool to_head, bool close);
/** After what was sent has been recorded: a stream of HTTP/2 takes its head out of the queue again. */
void reply_hand_over(struct client *c, const struct reply_sent *sent);
