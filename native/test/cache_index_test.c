#include "test.h"

#include "../src/cache_index.c"

static const struct cache_shown shown = {0, NULL};
static struct http1_head request;

static void add(struct cache_index *index, const char *url, const char *variant, uint64_t size) {
    struct cache_file f = {.key = span_of(url), .variant = span_of(variant), .size = size};
    struct cache_entry *victim;
    while ((victim = cache_index_victim(index, size))) cache_index_remove(index, victim);
    cache_index_add(index, span_hash(f.key, 0), &f);
    CHECK(cache_evict_bytes(&index->evict) <= index->room);
}

static bool has(struct cache_index *index, const char *url) { return cache_index_find(index, span_hash(span_of(url), 0), span_of(url), &request, &shown); }

static void files_are_found_by_url_and_variant(void) {
    struct cache_index index;
    cache_index_init(&index, 1000);
    request.count = 1;
    request.fields[0] = (struct http1_field){.name = SPAN("Accept"), .value = SPAN("b")};
    add(&index, "http://h/a", "accept: a\n", 10);
    CHECK(!has(&index, "http://h/a"));
    add(&index, "http://h/a", "accept: b\n", 10);
    CHECK(has(&index, "http://h/a") && !has(&index, "http://h/b") && index.count == 2);
    add(&index, "http://h/a", "accept: b\n", 20);  // written anew
    CHECK(index.count == 2 && cache_evict_bytes(&index.evict) == 30);
    uint64_t hash = span_hash(SPAN("http://h/a"), 0);
    struct cache_entry *e;
    while ((e = cache_index_of(&index, hash, SPAN("http://h/a")))) cache_index_remove(&index, e);
    CHECK(index.count == 0);
    cache_index_close(&index);
}

static void bytes_are_bounded_and_prefixes_found(void) {
    struct cache_index index;
    char url[64];
    cache_index_init(&index, 1000);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(url, sizeof url, "http://h/%s/%u", i % 2 ? "odd" : "even", i);
        add(&index, url, "", 1 + i % 90);
    }
    unsigned odd = 0, at = 0;
    for (struct cache_entry *e; (e = cache_index_next(&index, &at, SPAN("/odd/"))); odd++) {
        CHECK(memmem(e->texts, e->key_size, "/odd/", 5));
        cache_index_remove(&index, e);
    }
    at = 0;
    CHECK(odd > 3 && index.count > 3 && !cache_index_next(&index, &at, SPAN("http://h/odd/")));
    cache_index_close(&index);
}

TEST_MAIN(files_are_found_by_url_and_variant, bytes_are_bounded_and_prefixes_found)
