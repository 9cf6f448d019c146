/**
 * @file tls.h
 * TLS under a connection: a layer that conn.h calls instead of the socket. Protocol code does not see it.
 *
 * OpenSSL reads from the socket through a BIO of ours and writes into a buffer of the worker, from which up to six
 * records go out with one system call. What the socket does not take is kept, and nothing more is encrypted before it is
 * gone: a connection holds at most that buffer (98 KiB) beside its output queue, and none of it when idle.
 */
#pragma once

#include "conn.h"
#include "tls_context.h"

enum tls_connect { TLS_CONNECT_DONE, TLS_CONNECT_WAIT, TLS_CONNECT_FAILED };

/** Expects a client's handshake on the connection. @param http2 offer it by ALPN */
void tls_serve(struct conn *c, struct tls_context *context, bool http2);
/** Prepares the handshake with a node that must have a certificate for `name` (a host name or an address). */
void tls_begin(struct conn *c, struct tls_context *context, const char *name);
/** Goes on with the handshake; FAILED: tls_failure says why. */
enum tls_connect tls_connect(struct conn *c);
/** Why the last handshake of this worker failed: text that holds nothing secret. */
const char *tls_failure(const struct conn *c);
/** Whether ALPN has chosen HTTP/2. */
bool tls_is_http2(const struct conn *c);
/** The ALPN callback of server contexts. */
int tls_select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *in, unsigned in_length, void *arg);
/** Frees what a worker used. */
void tls_worker_end(struct worker *w);
