/**
 * @file tls_session.h
 * Keys of session tickets (RFC 5077, RFC 8446 4.6.1). A key issues tickets for one rotation and opens them for one more,
 * so that a stolen key opens no session older than two rotations. Keys live in this process's memory only.
 */
#pragma once

#include "base.h"

#include <openssl/ssl.h>

/** The one that issues and the one before it. */
#define TLS_SESSION_KEYS 2u

struct tls_session_key {
    uint64_t made;  // ns, CLOCK_MONOTONIC; 0: no key
    unsigned char name[16], aes[32], hmac[32];
};

/** keys[0] is the newest. */
struct tls_session_keys {
    struct tls_session_key keys[TLS_SESSION_KEYS];
};

/** What to do with a ticket. */
enum tls_session_use { TLS_SESSION_REFUSE, TLS_SESSION_ACCEPT, TLS_SESSION_RENEW };

/** Brings the keys up to date; fresh ones come from `fill`. */
void tls_session_rotate(struct tls_session_keys *k, uint64_t now, uint64_t rotation, void (*fill)(struct tls_session_key *key));
/** Finds the key of a name. RENEW: it is not the newest, the client should get a new ticket. */
enum tls_session_use tls_session_find(const struct tls_session_keys *k, const unsigned char name[16], unsigned *index);
/** Has a server context issue tickets under the process's keys; the rotation (ns) becomes their lifetime too. */
void tls_session_attach(SSL_CTX *ctx, uint64_t rotation);
