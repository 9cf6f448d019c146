/**
 * @file list.h
 * Intrusive doubly-linked lists. A link that is in no list points at itself, so removing it twice is harmless.
 */
#pragma once

#include "base.h"

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *l) { l->prev = l->next = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }

static inline void list_insert(struct list *at, struct list *l) {
    l->prev = at->prev;
    l->next = at;
    at->prev->next = l;
    at->prev = l;
}

/** Adds at the tail. */
static inline void list_push(struct list *head, struct list *l) { list_insert(head, l); }
/** Adds at the front. */
static inline void list_unshift(struct list *head, struct list *l) { list_insert(head->next, l); }

static inline void list_remove(struct list *l) {
    l->prev->next = l->next;
    l->next->prev = l->prev;
    list_init(l);
}

/** Takes the first link off, or NULL. */
static inline struct list *list_shift(struct list *head) {
    struct list *l = head->next;
    if (l == head) return NULL;
    list_remove(l);
    return l;
}

/** Moves everything in `from` to the tail of `to`. */
static inline void list_splice(struct list *to, struct list *from) {
    if (list_empty(from)) return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}
