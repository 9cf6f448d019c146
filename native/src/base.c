#include "base.h"

_Noreturn void base_bug(const char *file, int line, const char *what) {
    fprintf(stderr, "{\"event\":\"bug\",\"at\":\"%s:%d\",\"broken\":\"%s\"}\n", file, line, what);
    abort();
}

static _Noreturn void out_of_memory(size_t n) {
    fprintf(stderr, "{\"event\":\"out-of-memory\",\"bytes\":%zu}\n", n);
    abort();
}

void *base_alloc(size_t n) {
    void *p = malloc(n ? n : 1);
    if (!p) out_of_memory(n);
    return p;
}

void *base_zalloc(size_t n) {
    void *p = calloc(1, n ? n : 1);
    if (!p) out_of_memory(n);
    return p;
}

void *base_realloc(void *p, size_t n) {
    void *q = realloc(p, n ? n : 1);
    if (!q) out_of_memory(n);
    return q;
}

char *base_dup(const char *p, size_t n) {
    char *q = base_alloc(n + 1);
    if (n) memcpy(q, p, n);
    q[n] = 0;
    return q;
}

bool span_next(struct span *rest, struct span *item) {
    while (rest->n) {
        const char *comma = memchr(rest->p, ',', rest->n);
        size_t n = comma ? (size_t)(comma - rest->p) : rest->n;
        *item = span_trim((struct span){rest->p, n});
        size_t skip = comma ? n + 1 : n;
        rest->p += skip;
        rest->n -= skip;
        if (item->n) return true;
    }
    return false;
}

uint64_t span_hash(struct span s, uint64_t seed) {
    uint64_t h = seed ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    return h ^ (h >> 29);
}
