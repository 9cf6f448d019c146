#include "test.h"

#include "cache_store.h"

#include "../src/cache_file.c"

static struct cache_object *make(const char *variant, size_t length) {
    static const char head[] = "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Type: text/css\r\n\r\n";
    struct cache_object *o = cache_object_new(SPAN("http://h/a?b"), 7);
    o->variant = base_dup(variant, strlen(variant));
    o->variant_size = (uint32_t)strlen(variant);
    o->head = base_dup(head, sizeof head - 1);
    o->head_size = sizeof head - 3;
    o->head_304_size = 28;
    o->status = 200;
    o->facts = (struct cache_facts){.received = 1234567890, .initial_age = 5, .lifetime = 60, .while_revalidate = 7, .if_error = 8, .never_stale = true};
    o->body = cache_body_new(length);
    for (size_t at = 0; at < length;) {
        char piece[1000];
        for (size_t i = 0; i < sizeof piece; i++) piece[i] = (char)(at + i);
        at += cache_body_append(o->body, (struct span){piece, length - at < sizeof piece ? length - at : sizeof piece});
    }
    return o;
}

static void what_is_written_is_read(void) {
    for (size_t length = 0; length < 700000; length = length * 3 + 1) {
        struct cache_object *o = make("accept: x\n", length);
        struct cache_file f;
        size_t n;
        unsigned char *bytes = cache_file_write(o, &n);
        CHECK(cache_file_read(bytes, n, &f) && f.size == n && f.status == 200 && f.head_304_size == 28 && f.body.n == length);
        CHECK(span_eq(f.key, SPAN("http://h/a?b")) && span_eq(f.variant, SPAN("accept: x\n")) && f.head.n == o->head_size && memcmp(f.head.p, o->head, f.head.n) == 0);
        CHECK(f.facts.received == o->facts.received && f.facts.lifetime == 60 && f.facts.if_error == 8 && f.facts.never_stale && !f.facts.always_validate);
        for (size_t i = 0; i < length; i += 997) CHECK(f.body.p[i] == (char)i);
        CHECK(cache_file_peek(bytes, CACHE_FILE_HEADER + 22, &f) && !cache_file_peek(bytes, CACHE_FILE_HEADER + 21, &f));
        free(bytes);
        cache_object_unref(o);
    }
}

/** The layout is that of every machine and version: bytes in their places, the most significant first. */
static void the_layout_is_fixed(void) {
    struct cache_object *o = make("", 3);
    size_t n;
    unsigned char *bytes = cache_file_write(o, &n);
    static const unsigned char received[] = {0, 0, 0, 0, 0x49, 0x96, 0x02, 0xd2};
    CHECK(memcmp(bytes, "dharmaC1", 8) == 0 && bytes[15] == n && memcmp(bytes + 24, received, 8) == 0);
    CHECK(bytes[64] == 2 && bytes[68] == 200 && bytes[72] == 12 && bytes[76] == 0 && bytes[80] == o->head_size && bytes[84] == 28 && bytes[92] == 3);
    CHECK(memcmp(bytes + CACHE_FILE_HEADER, "http://h/a?b", 12) == 0);
    free(bytes);
    cache_object_unref(o);
}

/** No file that differs in any bit, or is cut or grown anywhere, passes. */
static void damage_is_found(void) {
    struct cache_object *o = make("accept: x\n", 50);
    struct cache_file f;
    size_t n;
    unsigned char *bytes = cache_file_write(o, &n), *copy = base_alloc(n + 1);
    for (size_t bit = 0; bit < n * 8; bit++) {
        memcpy(copy, bytes, n);
        copy[bit / 8] ^= (unsigned char)(1 << bit % 8);
        CHECK(!cache_file_read(copy, n, &f));
    }
    for (size_t cut = 0; cut < n; cut++) {
        unsigned char *part = base_alloc(cut);
        memcpy(part, bytes, cut);
        CHECK(!cache_file_read(part, cut, &f));
        free(part);
    }
    memcpy(copy, bytes, n);
    copy[n] = 0;
    CHECK(!cache_file_read(copy, n + 1, &f) && cache_file_read(copy, n, &f));
    free(copy);
    free(bytes);
    cache_object_unref(o);
}

static void names_say_nothing_and_differ(void) {
    char a[CACHE_FILE_NAME + 1], b[CACHE_FILE_NAME + 1];
    cache_file_name(a, SPAN("http://h/../../etc/passwd"), SPAN(""));
    CHECK(strlen(a) == CACHE_FILE_NAME && strspn(a, "0123456789abcdef") == CACHE_FILE_NAME);
    cache_file_name(b, SPAN("http://h/../../etc/passwd"), SPAN("accept: x\n"));
    CHECK(strcmp(a, b) != 0);
    // SHA-256 of "abc\n" begins so (sha256sum).
    cache_file_name(a, SPAN("abc"), SPAN(""));
    CHECK(strcmp(a, "edeaaff3f1774ad2888673770c6d6409") == 0);
}

TEST_MAIN(what_is_written_is_read, the_layout_is_fixed, damage_is_found, names_say_nothing_and_differ)
