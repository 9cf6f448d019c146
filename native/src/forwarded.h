/**
 * @file forwarded.h
 * The chain of clients and proxies a request came through, as X-Forwarded-* and as Forwarded (RFC 7239) tell it. The node
 * gets both, and both say the same.
 *
 * Of a trusted peer one of the two is believed: X-Forwarded-For where it sent one, else Forwarded. A proxy that writes only
 * one of them often passes on whatever its client put into the other.
 */
#pragma once

#include "framing.h"

/** What the proxy itself knows of this hop. */
struct forwarded_hop {
    struct span client;  // the peer's address, text
    struct span host;    // as it goes to the node
    bool tls;            // the client's connection is encrypted
    bool trusted;        // what the peer claims is believed
};

/** The client as a trusted peer's claims tell it: the last of its chain; n == 0: it claims none. */
struct span forwarded_client(const struct http1_head *head);
/** Upper bound of what forwarded_write writes. */
size_t forwarded_bound(const struct http1_head *head, const struct forwarded_hop *hop);
/**
 * Writes X-Forwarded-For, -Host, -Proto and Forwarded. None of the received ones goes on beside them.
 * @return behind the last byte
 */
char *forwarded_write(char *out, const struct http1_head *head, const struct forwarded_hop *hop);
