#include "test.h"

#include "../src/cache_store.c"

static const struct cache_shown shown = {0, NULL};
static struct http1_head request;

static struct cache_found enter(const char *url, bool may_fetch) {
    static struct cache_control control;
    struct cache_found found;
    cache_control_init(&control);
    struct cache_query q = {.key = span_of(url), .hash = cache_store_hash(span_of(url)), .request = &request, .shown = &shown, .control = &control, .now = 1000, .may_fetch = may_fetch};
    cache_store_enter(&q, &found);
    return found;
}

/** Fills a pending object with so many bytes, fresh for `lifetime`. false: there is no room. */
static bool fill(struct cache_object *o, const char *variant, uint64_t bytes, int64_t lifetime) {
    if (!cache_store_reserve(bytes)) return false;
    o->held = bytes;
    o->variant = base_dup(variant, strlen(variant));
    o->variant_size = (uint32_t)strlen(variant);
    o->facts = (struct cache_facts){.received = 1000, .lifetime = lifetime};
    o->body = cache_body_new(0);
    cache_store_begin(o, CACHE_FILLING);
    cache_store_complete(o);
    return true;
}

/** Stores an answer; false: there is no room for it. */
static bool put(const char *url, const char *variant, uint64_t bytes) {
    struct cache_found f = enter(url, true);
    if (f.stored) cache_object_unref(f.stored);
    CHECK(f.lead);
    bool ok = fill(f.flight, variant, bytes, 100);
    if (!ok) cache_store_drop(f.flight, CACHE_ABANDONED);
    cache_object_unref(f.flight);
    return ok;
}

static bool has(const char *url) {
    struct cache_found f = enter(url, false);
    if (f.stored) cache_object_unref(f.stored);
    CHECK(!f.flight);
    return f.stored && f.use == CACHE_USE_FRESH;
}

static struct cache_store_counts counts(void) {
    struct cache_store_counts c;
    cache_store_read_counts(&c);
    return c;
}

static void one_leads_and_the_others_wait(void) {
    cache_store_configure(1000);
    struct cache_found first = enter("http://h/a", true), second = enter("http://h/a", true), other = enter("http://h/b", true);
    CHECK(first.lead && !second.lead && second.flight == first.flight && other.lead && other.flight != first.flight);
    CHECK(!enter("http://h/a", false).flight);
    CHECK(fill(first.flight, "", 10, 100));
    CHECK(cache_object_state(second.flight) == CACHE_COMPLETE && has("http://h/a") && !has("http://h/b"));
    cache_store_drop(other.flight, CACHE_FAILED);
    CHECK(cache_object_state(other.flight) == CACHE_FAILED);
    cache_object_unref(first.flight);
    cache_object_unref(second.flight);
    cache_object_unref(other.flight);
    cache_store_close();
}

static void a_stale_one_is_offered_with_a_flight(void) {
    cache_store_configure(1000);
    struct cache_found f = enter("http://h/a", true);
    fill(f.flight, "", 10, 0);
    cache_object_unref(f.flight);
    f = enter("http://h/a", true);
    CHECK(f.stored && f.use == CACHE_USE_VALIDATE && f.lead);
    CHECK(fill(f.flight, "", 10, 100) && counts().objects == 1);  // the new one is in its place
    cache_object_unref(f.stored);
    cache_object_unref(f.flight);
    cache_store_close();
}

static void memory_is_bounded(void) {
    char url[64];
    cache_store_configure(1000);
    for (unsigned i = 0; i < 500; i++) {
        snprintf(url, sizeof url, "http://h/%u", i);
        CHECK(put(url, "", 1 + i % 300) && counts().bytes <= 1000);
    }
    CHECK(counts().evicted > 400 && !put("http://h/large", "", 1001) && counts().refused == 1);
    // What readers hold on to is not given to others.
    struct cache_found f = enter("http://h/499", false);
    CHECK(f.stored);
    CHECK(!put("http://h/most", "", 950) && put("http://h/less", "", 700));
    cache_object_unref(f.stored);
    CHECK(put("http://h/most", "", 950));
    cache_store_configure(100);
    CHECK(counts().bytes == 0);
    cache_store_close();
}

static void variants_of_a_url_are_bounded(void) {
    char variant[64];
    cache_store_configure(1 << 20);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(variant, sizeof variant, "accept: %u\n", i);
        CHECK(put("http://h/a", variant, 10));
    }
    CHECK(counts().objects <= CACHE_VARIANTS);
    CHECK(put("http://h/b", "", 10) && counts().objects <= CACHE_VARIANTS + 1);
    cache_store_close();
}

static void a_prefix_is_purged(void) {
    cache_store_configure(1 << 20);
    put("http://h/img/a", "", 10), put("https://g/img/b", "", 10), put("http://h/css", "", 10), put("http://h/imgx", "", 10);
    CHECK(cache_store_purge(SPAN("/img/")) == 2 && !has("http://h/img/a") && !has("https://g/img/b") && has("http://h/css") && has("http://h/imgx"));
    CHECK(cache_store_purge(SPAN("http://h/")) == 2 && counts().objects == 0 && counts().bytes == 0);
    cache_store_close();
}

/** What was asked for before a purge may be older than it: it is not kept, but serves those who wait. */
static void what_is_on_its_way_is_not_kept_after_a_purge(void) {
    cache_store_configure(1 << 20);
    struct cache_found f = enter("http://h/a", true);
    cache_store_invalidate(SPAN("http://h/a"));
    struct cache_found again = enter("http://h/a", true);
    CHECK(again.lead && again.flight != f.flight);
    CHECK(fill(f.flight, "", 10, 100) && !has("http://h/a"));
    cache_object_unref(f.flight);
    CHECK(fill(again.flight, "", 10, 100) && has("http://h/a"));
    cache_object_unref(again.flight);
    cache_store_close();
}

/** What takes its place is found in it, once, and goes as it would have; a place that is gone is not taken. */
static void one_takes_the_place_of_another(void) {
    cache_store_configure(1000);
    CHECK(put("http://h/a", "", 600));
    struct cache_found f = enter("http://h/a", false);
    struct cache_object *by = cache_object_new(SPAN("http://h/a"), f.stored->hash);
    CHECK(cache_store_reserve(10));
    by->held = 10;
    by->facts = f.stored->facts;
    by->body = cache_body_new(0);
    cache_store_replace(f.stored, by);
    struct cache_found now = enter("http://h/a", false);
    CHECK(now.stored == by && now.use == CACHE_USE_FRESH && counts().objects == 1 && by->place.uses == 2);
    cache_object_unref(f.stored);
    CHECK(counts().bytes == 10);
    cache_store_purge(SPAN("http://h/a"));
    struct cache_object *late = cache_object_new(SPAN("http://h/a"), by->hash);
    cache_store_replace(by, late);
    CHECK(!has("http://h/a"));
    cache_object_unref(late);
    cache_object_unref(by);
    cache_object_unref(now.stored);
    cache_store_close();
}

TEST_MAIN(one_leads_and_the_others_wait, a_stale_one_is_offered_with_a_flight, memory_is_bounded, variants_of_a_url_are_bounded, a_prefix_is_purged, what_is_on_its_way_is_not_kept_after_a_purge, one_takes_the_place_of_another)
