/**
 * @file admit.h
 * Whether a client, and a request, may come in: the limits of limit.h as the config has them. With `limits.measure`
 * everything comes in, and what would have been refused is counted. A peer that is trusted is no client: its connections
 * are not counted, its requests are those of the client it names.
 */
#pragma once

#include "exchange.h"
#include "reply.h"

/** Bytes of a Retry-After line at most. */
#define ADMIT_FIELD 40u

/** Counts a new connection. false: the client has as many as it may have; one of clear text has been told so. */
bool admit_connection(struct client *c);
/** A connection ends. */
void admit_gone(struct client *c);
/**
 * Spends a request of the client's and the endpoint's buckets.
 * @return false: it has to be refused with *reply, whose field stands in `field`
 */
bool admit_request(struct exchange *x, struct reply *reply, char field[ADMIT_FIELD]);
/** The line "Retry-After: seconds", rounded up. */
struct span admit_retry_after(char field[ADMIT_FIELD], uint64_t seconds);
