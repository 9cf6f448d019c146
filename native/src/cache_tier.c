#include "cache_tier.h"

#include <unistd.h>

#include "cache_store.h"

/** Bodies from this size on stay in their file: measured, below it copying costs less CPU than the kernel's handling of single pages. */
#define IN_FILE_BYTES (256u * 1024)

/** The body, if it is to stay in its file; else, and where no more files may be open, fd is closed. */
static struct cache_body *body_in_file(const struct cache_file *f, int fd) {
    struct cache_body *b = f->body.n >= IN_FILE_BYTES ? cache_body_in_file(fd, f->size - f->body.n, f->body.n) : NULL;
    if (!b) close(fd);
    return b;
}

static struct cache_body *body_in_memory(const struct cache_file *f) {
    struct cache_body *b = cache_body_new(f->body.n);
    b->on_disk = true;
    for (struct span rest = f->body; rest.n;) {
        size_t n = cache_body_append(b, rest);
        rest.p += n;
        rest.n -= n;
    }
    return b;
}

/** Gives the object, which is nobody else's yet, what the file says, and the body. false: there is no room; the body is given up. */
static bool fill(struct cache_object *o, const struct cache_file *f, struct cache_body *body, uint64_t body_held) {
    uint64_t held = sizeof *o + o->key_size + f->variant.n + f->head.n;
    if (!cache_store_reserve(held + body_held)) {
        cache_body_unref(body);
        return false;
    }
    o->held = held;
    o->status = f->status;
    o->facts = f->facts;
    o->variant = base_dup(f->variant.p, f->variant.n);
    o->variant_size = (uint32_t)f->variant.n;
    o->head = base_alloc(f->head.n + 2);
    memcpy(o->head, f->head.p, f->head.n);
    memcpy(o->head + f->head.n, "\r\n", 2);
    o->head_size = (uint32_t)f->head.n;
    o->head_304_size = f->head_304_size;
    o->body = body;
    body->held = body_held;
    return true;
}

bool cache_tier_restore(struct cache_object *o, const struct cache_file *f, int fd) {
    struct cache_body *in_file = body_in_file(f, fd);
    if (!in_file && f->body.n && !f->body.p) return false;
    return in_file ? fill(o, f, in_file, CACHE_TIER_FILE_HELD) : fill(o, f, body_in_memory(f), f->body.n);
}

void cache_tier_written(struct cache_object *o, const struct cache_file *f, int fd) {
    struct cache_body *body = body_in_file(f, fd);
    if (!body) return;
    struct cache_object *by = cache_object_new((struct span){o->key, o->key_size}, o->hash);
    if (fill(by, f, body, CACHE_TIER_FILE_HELD)) cache_store_replace(o, by);
    cache_object_unref(by);
}
