/**
 * @file tls_context.h
 * What one config says about TLS, loaded: certificates and keys for clients, found by the name a client asks for (SNI),
 * and how nodes are verified. Belongs to a snapshot, and to every connection that began under it.
 */
#pragma once

#include "config.h"

#include <openssl/ssl.h>

#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "OpenSSL 3 or newer is needed"
#endif

/** A name and the certificate that is for it. */
struct tls_name {
    char *name;  // lower case; "*.x" for any one label before x
    unsigned index;
};

struct tls_context {
    _Atomic unsigned refs;
    unsigned server_count, name_count;
    SSL_CTX **servers;        // by certificate; none: no TLS towards clients
    struct tls_name *names;   // sorted; the first certificate that has a name keeps it
    SSL_CTX *client;          // NULL: no node wants TLS
    uint64_t client_identity; // of all that a connection to a node was verified by
};

/** Loads every file. NULL: *error says which key of the document is at fault. */
struct tls_context *tls_context_new(const struct config *c, struct config_error *error);
struct tls_context *tls_context_ref(struct tls_context *t);
void tls_context_unref(struct tls_context *t);
/** Index of the certificate for a host name (any case), 0 when none is for it. */
unsigned tls_context_find(const struct tls_context *t, const char *host);
/** What a connection to this node is: plain (0), or by which name, CA and own certificate it was verified. */
uint64_t tls_context_identity(const struct tls_context *t, const struct config_node *n);
