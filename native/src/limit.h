/**
 * @file limit.h
 * Token buckets and connection caps. A bucket is one number: the time at which it would be full again, which each request
 * moves on (the generic cell rate algorithm, ITU-T I.371: the same decisions as a token bucket, without a refill).
 *
 * Clients stand in a table of fixed size, shared by all workers: sets of eight, as in a processor's cache, found by a
 * keyed hash of the address's prefix (SipHash, so that nobody can choose whom to share a set with). A flood of addresses
 * takes no memory. A newcomer takes the place whose bucket is fullest, and a full bucket is worth nothing: until all eight
 * of a set have spent lately, nobody's debt is forgotten; after that the smallest is, and counted. Clients with open
 * connections keep their place.
 */
#pragma once

#include "base.h"

/** Places for clients: 2^16, 1.6 MiB, of which only what was touched is in memory. */
#define LIMIT_SETS 8192u
#define LIMIT_WAYS 8u

/** How often something may happen. Both 0: any number. */
struct limit_rate {
    uint64_t interval;   // ns per request
    uint64_t tolerance;  // how far it may run ahead: burst - 1 intervals
};

/** Requests a second, of which `burst` may come at once. */
struct limit_rate limit_rate_of(double rate, uint64_t burst);
/**
 * The decision.
 * @param full_at the bucket, moved on when the request may pass
 * @return 0: it may; else ns until one may
 */
uint64_t limit_take(uint64_t *full_at, const struct limit_rate *rate, uint64_t now);
/** limit_take on a bucket that workers share. */
uint64_t limit_take_shared(_Atomic uint64_t *full_at, const struct limit_rate *rate, uint64_t now);

/** A client's number: a keyed hash of the first bits of its address (16 bytes, IPv4 as ::ffff:a.b.c.d), never 0. */
uint64_t limit_client(const unsigned char address[16], unsigned prefix4, unsigned prefix6);
/** limit_take on a client's bucket. */
uint64_t limit_client_take(uint64_t client, const struct limit_rate *rate, uint64_t now);
/** Counts a connection of the client and gives how many it has, this one included; 0: there is no place to count it. */
unsigned limit_connect(uint64_t client, uint64_t now);
/** A connection that was counted ends. */
void limit_disconnect(uint64_t client);
/** Clients whose debt was forgotten, since start. */
uint64_t limit_forgotten(void);
/** Before any worker starts: the hash's key. */
void limit_setup(void);
