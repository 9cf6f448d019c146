/**
 * @file proxyproto.h
 * The header of the PROXY protocol (versions 1 and 2, haproxy.org/download/2.9/doc/proxy-protocol.txt), by which a
 * balancer of TCP says whose connection it passes on. Strict: who is to send it and does not is refused.
 */
#pragma once

#include "base.h"

#include <sys/socket.h>

/** A longer header is refused. Those in use, with certificates' names and ids in their TLVs, stay below 1 KiB. */
#define PROXYPROTO_MAX 4096u

enum proxyproto_kind {
    PROXYPROTO_CLIENT,   // `client` is whose connection it is
    PROXYPROTO_UNKNOWN,  // passed on for somebody who cannot be told
    PROXYPROTO_LOCAL,    // the balancer's own, such as a health check
};

struct proxyproto {
    enum proxyproto_kind kind;
    struct sockaddr_storage client;
};

/** Results below 0. */
enum proxyproto_result { PROXYPROTO_PARTIAL = -1, PROXYPROTO_BAD = -2 };

/**
 * Parses the header at the start of buf.
 * @return its length, or a proxyproto_result; never PARTIAL with PROXYPROTO_MAX bytes
 */
int proxyproto_parse(const char *buf, size_t n, struct proxyproto *out);
