/** @file reply.h Answers the proxy makes itself. */
#pragma once

#include "client.h"

/** The reason phrase of a status this proxy sends. */
struct span reply_reason(int status);
/**
 * Queues an answer with a short text body.
 * @param to_head no body
 * @param close adds Connection: close
 * @return the head, as queued (inside c->conn.out.scratch)
 */
struct span reply_send(struct client *c, int status, bool to_head, bool close);
