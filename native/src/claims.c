#include "claims.h"

/**
 * What servers, frameworks and the proxies of the large networks are known to read, lower case. Everything that begins with
 * "x-forwarded" is one besides. Not among them: fields that only an app gives a meaning to.
 */
static const char *const names[] = {
    "forwarded", "forwarded-for", "x-real-ip", "x-real-port", "real-ip", "client-ip", "x-client-ip", "x-client-port", "true-client-ip",
    "x-true-client-ip", "x-cluster-client-ip", "cluster-client-ip", "cf-connecting-ip", "cf-connecting-ipv6", "cf-pseudo-ipv4",
    "fastly-client-ip", "fly-client-ip", "x-azure-clientip", "x-azure-socketip", "x-envoy-external-address", "x-envoy-original-path",
    "x-appengine-user-ip", "x-remote-ip", "x-remote-addr", "remote-addr", "x-originating-ip", "x-original-forwarded-for",
    "x-original-for", "x-original-host", "x-original-proto", "x-original-url", "x-rewrite-url", "x-proxyuser-ip", "proxy-client-ip",
    "wl-proxy-client-ip", "wl-proxy-ssl", "x-host", "x-scheme", "x-url-scheme", "x-proto", "front-end-https", "x-arr-ssl",
    "cloudfront-forwarded-proto", "cloudfront-viewer-address",
};

static unsigned char first_letters[256];
static uint64_t lengths;  // bit n: some name has n characters

__attribute__((constructor)) static void fill_index(void) {
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        unsigned char letter = (unsigned char)names[i][0];
        first_letters[letter] = first_letters[letter & ~32u] = 1;
        lengths |= 1ull << strlen(names[i]);
    }
}

static bool same(const char *name, const char *lower, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char c = name[i] == '_' ? '-' : name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 32) : name[i];
        if (c != lower[i]) return false;
    }
    return true;
}

bool claims_name(struct span name) {
    static const char prefix[] = "x-forwarded";
    // Most fields of most requests end here.
    if (!name.n || !first_letters[(unsigned char)name.p[0]]) return false;
    if (name.n >= sizeof prefix - 1 && same(name.p, prefix, sizeof prefix - 1)) return true;
    if (name.n >= 64 || !(lengths >> name.n & 1)) return false;
    for (unsigned i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == name.n && same(name.p, names[i], name.n)) return true;
    return false;
}
