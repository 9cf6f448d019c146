#include "cidr.h"

#include <arpa/inet.h>

static void map_v4(unsigned char out[16], const struct in_addr *v4) {
    memset(out, 0, 10);
    out[10] = out[11] = 0xff;
    memcpy(out + 12, v4, 4);
}

bool cidr_parse(const char *text, struct cidr *out) {
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    if (n >= sizeof address) return false;
    memcpy(address, text, n);
    address[n] = 0;
    struct in_addr v4;
    unsigned base = 0;
    if (inet_pton(AF_INET, address, &v4) == 1) {
        map_v4(out->address, &v4);
        base = 96;
    } else if (inet_pton(AF_INET6, address, out->address) != 1) {
        return false;
    }
    out->bits = 128;
    if (!slash) return true;
    if (!slash[1] || strlen(slash + 1) > 3 || strspn(slash + 1, "0123456789") != strlen(slash + 1)) return false;
    unsigned bits = (unsigned)strtoul(slash + 1, NULL, 10);
    if (bits > 128 - base) return false;
    out->bits = base + bits;
    return true;
}

bool cidr_bytes(const struct sockaddr_storage *a, unsigned char out[16]) {
    if (a->ss_family == AF_INET) map_v4(out, &((const struct sockaddr_in *)a)->sin_addr);
    else if (a->ss_family == AF_INET6) memcpy(out, &((const struct sockaddr_in6 *)a)->sin6_addr, 16);
    else return false;
    return true;
}

bool cidr_contains(const struct cidr *c, const struct sockaddr_storage *peer) {
    unsigned char address[16];
    if (!cidr_bytes(peer, address)) return false;
    unsigned whole = c->bits / 8, rest = c->bits % 8;
    if (memcmp(address, c->address, whole) != 0) return false;
    return !rest || ((address[whole] ^ c->address[whole]) >> (8 - rest)) == 0;
}

bool cidr_sockaddr(const char *address, uint16_t port, struct sockaddr_storage *out, socklen_t *length) {
    memset(out, 0, sizeof *out);
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *length = sizeof *v4;
        return true;
    }
    if (inet_pton(AF_INET6, address, &v6->sin6_addr) != 1) return false;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    *length = sizeof *v6;
    return true;
}

void cidr_text(const struct sockaddr_storage *a, char out[INET6_ADDRSTRLEN]) {
    unsigned char address[16];
    static const unsigned char v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    out[0] = 0;
    if (!cidr_bytes(a, address)) return;
    if (memcmp(address, v4_prefix, 12) == 0) inet_ntop(AF_INET, address + 12, out, INET6_ADDRSTRLEN);
    else inet_ntop(AF_INET6, address, out, INET6_ADDRSTRLEN);
}

uint16_t cidr_port(const struct sockaddr_storage *a) {
    if (a->ss_family == AF_INET) return ntohs(((const struct sockaddr_in *)a)->sin_port);
    if (a->ss_family == AF_INET6) return ntohs(((const struct sockaddr_in6 *)a)->sin6_port);
    return 0;
}
