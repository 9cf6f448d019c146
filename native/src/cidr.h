/** @file cidr.h Address ranges. IPv4 peers seen through an IPv6 socket count as IPv4. */
#pragma once

#include "base.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct cidr {
    unsigned char address[16];  // IPv4 as ::ffff:a.b.c.d
    unsigned bits;              // of the 128
};

/** Reads "10.0.0.0/8", "::1", "fd00::/8". */
bool cidr_parse(const char *text, struct cidr *out);
bool cidr_contains(const struct cidr *c, const struct sockaddr_storage *peer);
/** Reads an address literal and port into a socket address; no names are looked up. */
bool cidr_sockaddr(const char *address, uint16_t port, struct sockaddr_storage *out, socklen_t *length);
/** The address as 16 bytes, IPv4 as ::ffff:a.b.c.d. false: of another family. */
bool cidr_bytes(const struct sockaddr_storage *a, unsigned char out[16]);
/** The address without the port, as text. */
void cidr_text(const struct sockaddr_storage *a, char out[INET6_ADDRSTRLEN]);
/** Port in host order. */
uint16_t cidr_port(const struct sockaddr_storage *a);
