#include "proxyproto.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "cidr.h"

/** Longest line of version 1, with its CRLF. */
#define LINE_MAX_V1 107u
/** Signature, version and command, family and transport, length. */
#define FIXED_V2 16u

static const char prefix_v1[] = "PROXY ";
static const char signature_v2[] = "\r\n\r\n\0\r\nQUIT\n";

/** Takes a word up to the next space; the last one ends with the line. false: it is empty or does not end as it should. */
static bool take_word(struct span *line, bool last, struct span *word) {
    const char *space = memchr(line->p, ' ', line->n);
    if (!space != last) return false;
    size_t n = space ? (size_t)(space - line->p) : line->n;
    *word = (struct span){line->p, n};
    line->p += n + !last;
    line->n -= n + !last;
    return n > 0;
}

/** 0 to 65535 without leading zeros. */
static bool read_port(struct span s, uint16_t *port) {
    uint32_t v = 0;
    if (s.n > 5 || (s.n > 1 && s.p[0] == '0')) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        v = v * 10 + (unsigned)(s.p[i] - '0');
    }
    *port = (uint16_t)v;
    return v <= UINT16_MAX;
}

static bool read_address(struct span s, int family, uint16_t port, struct sockaddr_storage *out) {
    char text[INET6_ADDRSTRLEN];
    socklen_t length;
    if (s.n >= sizeof text || memchr(s.p, '\0', s.n)) return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return cidr_sockaddr(text, port, out, &length) && out->ss_family == family;
}

/** What stands between "PROXY " and the end of the line. */
static bool read_line(struct span line, struct proxyproto *out) {
    struct span word[5];
    struct sockaddr_storage ignored;
    uint16_t ports[2];
    out->kind = PROXYPROTO_UNKNOWN;
    if (span_eq(line, SPAN("UNKNOWN")) || (line.n > 8 && memcmp(line.p, "UNKNOWN ", 8) == 0)) return true;
    for (unsigned i = 0; i < COUNT_OF(word); i++)
        if (!take_word(&line, i + 1 == COUNT_OF(word), &word[i])) return false;
    int family = span_eq(word[0], SPAN("TCP4")) ? AF_INET : span_eq(word[0], SPAN("TCP6")) ? AF_INET6 : AF_UNSPEC;
    out->kind = PROXYPROTO_CLIENT;
    return family != AF_UNSPEC && read_port(word[3], &ports[0]) && read_port(word[4], &ports[1]) &&
           read_address(word[1], family, ports[0], &out->client) && read_address(word[2], family, ports[1], &ignored);
}

static int parse_v1(const char *buf, size_t n, struct proxyproto *out) {
    const char *end = memchr(buf, '\n', n < LINE_MAX_V1 ? n : LINE_MAX_V1);
    if (!end) return n < LINE_MAX_V1 ? PROXYPROTO_PARTIAL : PROXYPROTO_BAD;
    size_t start = sizeof prefix_v1 - 1;
    if (end[-1] != '\r') return PROXYPROTO_BAD;
    struct span line = {buf + start, (size_t)(end - 1 - buf) - start};
    if (memchr(line.p, '\r', line.n) || !read_line(line, out)) return PROXYPROTO_BAD;
    return (int)(end + 1 - buf);
}

/** Whether type-length-value triples fill the rest exactly. What they say is not used. */
static bool tlvs_fit(const unsigned char *p, size_t n) {
    while (n) {
        if (n < 3) return false;
        size_t length = (size_t)p[1] << 8 | p[2];
        if (length > n - 3) return false;
        p += 3 + length;
        n -= 3 + length;
    }
    return true;
}

/** The block of addresses of a command PROXY. */
static bool read_block(unsigned char family, const unsigned char *p, size_t n, struct proxyproto *out) {
    // Of addresses and ports, both ends: none, IPv4, IPv6, unix.
    static const unsigned char lengths[] = {0, 12, 36, 216};
    unsigned kind = family >> 4, transport = family & 15;
    if (kind >= COUNT_OF(lengths) || transport > 2 || n < lengths[kind] || !tlvs_fit(p + lengths[kind], n - lengths[kind])) return false;
    out->kind = PROXYPROTO_UNKNOWN;
    // A datagram's or a unix socket's client has no address here.
    if (transport != 1 || kind == 0 || kind == 3) return true;
    out->kind = PROXYPROTO_CLIENT;
    if (kind == 1) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&out->client;
        v4->sin_family = AF_INET;
        memcpy(&v4->sin_addr, p, 4);
        memcpy(&v4->sin_port, p + 8, 2);  // both are in network order, here and there
        return true;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->client;
    v6->sin6_family = AF_INET6;
    memcpy(&v6->sin6_addr, p, 16);
    memcpy(&v6->sin6_port, p + 32, 2);
    return true;
}

static int parse_v2(const char *buf, size_t n, struct proxyproto *out) {
    const unsigned char *p = (const unsigned char *)buf;
    if (n > 12 && p[12] != 0x20 && p[12] != 0x21) return PROXYPROTO_BAD;
    if (n < FIXED_V2) return PROXYPROTO_PARTIAL;
    size_t length = (size_t)p[14] << 8 | p[15];
    if (FIXED_V2 + length > PROXYPROTO_MAX) return PROXYPROTO_BAD;
    if (n < FIXED_V2 + length) return PROXYPROTO_PARTIAL;
    out->kind = PROXYPROTO_LOCAL;  // of which everything else is to be ignored
    if (p[12] == 0x21 && !read_block(p[13], p + FIXED_V2, length, out)) return PROXYPROTO_BAD;
    return (int)(FIXED_V2 + length);
}

/** Whether buf begins with `start`, as far as it goes. */
static bool may_begin(const char *buf, size_t n, struct span start) { return memcmp(buf, start.p, n < start.n ? n : start.n) == 0; }

int proxyproto_parse(const char *buf, size_t n, struct proxyproto *out) {
    *out = (struct proxyproto){0};
    if (!n) return PROXYPROTO_PARTIAL;
    if (may_begin(buf, n, SPAN(prefix_v1))) return n < sizeof prefix_v1 - 1 ? PROXYPROTO_PARTIAL : parse_v1(buf, n, out);
    if (may_begin(buf, n, SPAN(signature_v2))) return n < sizeof signature_v2 - 1 ? PROXYPROTO_PARTIAL : parse_v2(buf, n, out);
    return PROXYPROTO_BAD;
}
