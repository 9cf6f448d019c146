#include "cache_key.h"

char *cache_key_new(bool tls, const char *origin_host, const struct framing *f) {
    struct span host = origin_host ? span_of(origin_host) : f->host;
    struct span scheme = tls ? SPAN("https://") : SPAN("http://");
    char *key = base_alloc(scheme.n + host.n + f->target.n + 1), *p = key;
    memcpy(p, scheme.p, scheme.n);
    p += scheme.n;
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        *p++ = c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
    }
    memcpy(p, f->target.p, f->target.n);
    p[f->target.n] = '\0';
    return key;
}

char *cache_key_resolve(const char *key, struct span reference) {
    const char *path = strchr(strstr(key, "://") + 3, '/');
    size_t origin = path ? (size_t)(path - key) : strlen(key);
    if (reference.n > 1 && reference.p[0] == '/' && reference.p[1] != '/') {
        char *out = base_alloc(origin + reference.n + 1);
        memcpy(out, key, origin);
        memcpy(out + origin, reference.p, reference.n);
        out[origin + reference.n] = '\0';
        return out;
    }
    if (reference.n <= origin || strncasecmp(reference.p, key, origin) != 0 || reference.p[origin] != '/') return NULL;
    char *out = base_dup(reference.p, reference.n);
    memcpy(out, key, origin);
    return out;
}

bool cache_key_begins(struct span url, struct span prefix) {
    if (prefix.n && prefix.p[0] == '/') {
        const char *authority = memmem(url.p, url.n, "://", 3), *end = url.p + url.n, *path = authority ? memchr(authority + 3, '/', (size_t)(end - authority - 3)) : NULL;
        if (!path) return false;
        url = (struct span){path, (size_t)(end - path)};
    }
    return url.n >= prefix.n && memcmp(url.p, prefix.p, prefix.n) == 0;
}
