#include "arena.h"

#define BLOCK_BYTES 65536u

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(16) unsigned char data[];
};

void *arena_alloc(struct arena *a, size_t n) {
    n = (n + 15) & ~(size_t)15;
    struct arena_block *b = a->blocks;
    if (!b || b->size - b->used < n) {
        size_t size = n > BLOCK_BYTES / 4 ? n : BLOCK_BYTES;
        b = base_zalloc(sizeof *b + size);
        b->size = size;
        // A block made for one large piece goes second, so that the common block keeps filling.
        if (a->blocks && size == n) {
            b->next = a->blocks->next;
            a->blocks->next = b;
        } else {
            b->next = a->blocks;
            a->blocks = b;
        }
    }
    void *p = b->data + b->used;
    b->used += n;
    return p;
}

char *arena_dup(struct arena *a, struct span s) {
    char *p = arena_alloc(a, s.n + 1);
    if (s.n) memcpy(p, s.p, s.n);
    return p;
}

void arena_free(struct arena *a) {
    while (a->blocks) {
        struct arena_block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
}
