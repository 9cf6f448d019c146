/** @file arena.h Memory that is freed all at once. */
#pragma once

#include "base.h"

struct arena {
    struct arena_block *blocks;
};

/** Aligned, zeroed. */
void *arena_alloc(struct arena *a, size_t n);
/** Copy with a NUL behind it. */
char *arena_dup(struct arena *a, struct span s);
void arena_free(struct arena *a);
