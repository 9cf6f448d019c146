/**
 * @file cache_fuzz.c
 * What the cache reads of what others wrote. The first byte chooses:
 *   'f'  a file: whatever is in it, what is accepted lies inside it, and its head parses
 *   'r'  a Range: a part lies inside the whole
 *   'a'  an answer's head: a line of lengths aside, what is stored of it parses again, varies as the request does, and ages
 */
#include "cache_condition.h"
#include "cache_control.h"
#include "cache_file.h"
#include "cache_head.h"
#include "cache_policy.h"
#include "cache_store.h"
#include "cache_vary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_file(const uint8_t *data, size_t size) {
    struct cache_file f;
    if (cache_file_peek(data, size, &f)) BUG_ON((const uint8_t *)f.variant.p + f.variant.n > data + size);
    if (!cache_file_read(data, size, &f)) return;
    BUG_ON((const uint8_t *)f.body.p + f.body.n != data + size);
}

static void fuzz_range(struct span text) {
    for (uint64_t length = 0; length < 40; length += 13) {
        struct cache_range r;
        if (cache_range_read(text, length, &r) == CACHE_PART) BUG_ON(r.from >= r.to || r.to > length);
    }
}

static const struct cache_shown shown = {0, NULL};

static void check_stored(struct cache_object *o, const struct http1_head *request) {
    static struct http1_head again;
    struct cache_range range;
    cache_head_parse(o, &again);
    BUG_ON(!cache_vary_matches((struct span){o->variant, o->variant_size}, request, &shown));
    cache_condition_not_modified(request, &again, 1000);
    if (cache_condition_range(request, &again, 100, 1000, &range) == CACHE_PART) BUG_ON(range.from >= range.to || range.to > 100);
    static const int statuses[] = {200, 206, 304, 416};
    for (unsigned i = 0; i < COUNT_OF(statuses); i++) {
        struct cache_head_reply r = {.status = statuses[i] == 200 ? o->status : statuses[i], .length = 3, .whole = 9, .how = SPAN("hit")};
        char *text = base_alloc(cache_head_bound(o));
        size_t n = cache_head_write(text, o, &r);
        BUG_ON(n > cache_head_bound(o) || http1_parse_response(text, n, 0, HTTP1_FIELDS_MAX, &again) != (int)n);
        free(text);
    }
}

/** A request's head, a NUL, an answer's. */
static void fuzz_answer(const char *text, size_t size) {
    static struct http1_head request, answer, merged;
    struct framing framing, asked;
    struct cache_facts facts;
    struct cache_control control;
    const char *split = memchr(text, '\0', size);
    if (!split || http1_parse_request(text, (size_t)(split - text), 0, 100, &request) <= 0 || framing_request(&request, &asked)) return;
    if (http1_parse_response(split + 1, size - (size_t)(split + 1 - text), 0, 100, &answer) <= 0 || !framing_response(&answer, false, &framing)) return;
    cache_control_read(&control, &request);
    bool keep = cache_policy_store(&answer, &(struct cache_asked){.at = 990}, 1000, &facts);
    if (keep)
        for (int64_t now = 1000; now < 1100; now += 7) BUG_ON(cache_policy_age(&facts, now) < now - 1000 || (cache_policy_use(&facts, &control, now) == CACHE_USE_FRESH && facts.always_validate));
    struct cache_object *o = cache_object_new(SPAN("http://h/"), 1), *next = cache_object_new(SPAN("http://h/"), 1);
    if (answer.status >= 200 && cache_head_store(o, &answer, &framing, &request, &shown, SPAN("Sun, 06 Nov 1994 08:49:37 GMT"))) {
        check_stored(o, &request);
        if (cache_head_update(&merged, o, &answer, &framing) && cache_head_store(next, &merged, &framing, &request, &shown, SPAN("x"))) check_stored(next, &request);
    }
    cache_object_unref(o);
    cache_object_unref(next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data + 1;
    if (!size) return 0;
    if (data[0] == 'f') fuzz_file(data + 1, size - 1);
    if (data[0] == 'r') fuzz_range((struct span){text, size - 1});
    if (data[0] == 'a') fuzz_answer(text, size - 1);
    return 0;
}
