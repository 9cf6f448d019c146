/**
 * @file route.h
 * A request's method and path to its route: a trie over path segments. A literal segment beats :param, which beats
 * *rest; where the better branch leads nowhere the next one is tried.
 */
#pragma once

#include "config.h"

struct route_trie;

/** Builds the trie. NULL: two routes are equal, *error names both. */
struct route_trie *route_build(const struct config *config, struct config_error *error);
void route_free(struct route_trie *t);
/**
 * @param target origin-form; the query is not looked at
 * @return index into config->routes, or -1
 */
int route_find(const struct route_trie *t, struct span method, struct span target);
