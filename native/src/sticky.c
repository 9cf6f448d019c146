#include "sticky.h"

static bool hex16(struct span v, uint64_t *out) {
    *out = 0;
    if (v.n != 16) return false;
    for (size_t i = 0; i < 16; i++) {
        char c = v.p[i];
        if (c >= '0' && c <= '9') *out = *out << 4 | (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f') *out = *out << 4 | (unsigned)(c - 'a' + 10);
        else return false;
    }
    return true;
}

/** Next pair of a Cookie field (RFC 6265 4.2.1). false: the end. */
static bool next_pair(struct span *rest, struct span *pair) {
    if (!rest->n) return false;
    const char *end = memchr(rest->p, ';', rest->n);
    size_t n = end ? (size_t)(end - rest->p) : rest->n, used = end ? n + 1 : n;
    *pair = span_trim((struct span){rest->p, n});
    *rest = (struct span){rest->p + used, rest->n - used};
    return true;
}

uint64_t sticky_read(const struct http1_head *head, struct span name) {
    for (unsigned i = 0; i < head->count; i++) {
        if (!span_ieq(head->fields[i].name, SPAN("cookie"))) continue;
        struct span rest = head->fields[i].value, pair;
        while (next_pair(&rest, &pair)) {
            uint64_t key;
            if (pair.n <= name.n || pair.p[name.n] != '=' || memcmp(pair.p, name.p, name.n) != 0) continue;
            if (hex16((struct span){pair.p + name.n + 1, pair.n - name.n - 1}, &key)) return key;
        }
    }
    return 0;
}

size_t sticky_add(struct http1_head *head, char line[STICKY_LINE], struct span name, uint64_t key, bool secure) {
    if (head->count == HTTP1_FIELDS_MAX) return 0;
    int n = snprintf(line, STICKY_LINE, "Set-Cookie: %.*s=%016llx; Path=/; HttpOnly; SameSite=Lax%s\r\n", (int)name.n, name.p, (unsigned long long)key,
                     secure ? "; Secure" : "");
    BUG_ON(n < 0 || (size_t)n >= STICKY_LINE);
    head->fields[head->count++] = (struct http1_field){{line, 10}, {line + 12, (size_t)n - 14}, FIELD_OTHER};
    return (size_t)n;
}
