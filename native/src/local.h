/**
 * @file local.h
 * Requests that no node sees: on a listen that has `redirectPort` all are sent to https, but for the http-01 challenges of
 * the config, which an ACME server asks for without TLS (RFC 8555 8.3).
 */
#pragma once

#include "exchange.h"
#include "reply.h"

/**
 * Whether the request in w->head and w->framing is answered here.
 * @param text holds what the reply's spans point at where it had to be written; to be freed by the caller, may be NULL
 */
bool local_reply(const struct exchange *x, struct reply *out, char **text);
