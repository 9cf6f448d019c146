#include "route.h"

/** A route that ends at a trie node. */
struct leaf {
    struct leaf *next;
    unsigned route;
};

struct trie_node {
    int param;  // child for :name, -1 none
    struct leaf *here, *rest;
};

/** Edge for a literal segment, in one open-addressed table for the whole trie (keys come from the config only). */
struct edge {
    struct span text;
    int from, to;  // to == 0: free (node 0 is the root and nobody's child)
};

struct route_trie {
    const struct config *config;
    struct arena arena;
    struct trie_node *nodes;
    unsigned node_count, node_cap;
    struct edge *edges;
    unsigned edge_count, edge_cap;  // a power of two, at least twice as many as there are
};

static struct edge *find_edge(const struct route_trie *t, int from, struct span text) {
    uint64_t i = span_hash(text, (uint64_t)from * 0x9e3779b97f4a7c15u);
    for (;; i++) {
        struct edge *e = &t->edges[i & (t->edge_cap - 1)];
        if (!e->to || (e->from == from && span_eq(e->text, text))) return e;
    }
}

/** Doubles the table. It grows with the edges there are: routes share most of their segments, and memory that is only cleared costs, too. */
static void grow_edges(struct route_trie *t) {
    struct edge *old = t->edges;
    unsigned cap = t->edge_cap;
    t->edge_cap *= 2;
    t->edges = base_zalloc(t->edge_cap * sizeof *t->edges);
    for (unsigned i = 0; i < cap; i++)
        if (old[i].to) *find_edge(t, old[i].from, old[i].text) = old[i];
    free(old);
}

static int add_node(struct route_trie *t) {
    BUG_ON(t->node_count == t->node_cap);
    t->nodes[t->node_count] = (struct trie_node){.param = -1};
    return (int)t->node_count++;
}

/** Next segment of a path after its '/'; false at the end. */
static bool next_segment(struct span *rest, struct span *segment) {
    if (!rest->n) return false;
    rest->p++, rest->n--;  // the '/'
    const char *slash = memchr(rest->p, '/', rest->n);
    segment->p = rest->p;
    segment->n = slash ? (size_t)(slash - rest->p) : rest->n;
    rest->p += segment->n;
    rest->n -= segment->n;
    return true;
}

static bool shares_method(const struct config_route *a, const struct config_route *b) {
    if (!a->method_count && !b->method_count) return true;
    for (unsigned i = 0; i < a->method_count; i++)
        for (unsigned j = 0; j < b->method_count; j++)
            if (strcmp(a->methods[i], b->methods[j]) == 0) return true;
    return false;  // one of them is "any" and the other is not: the named method is the better match
}

static bool add_leaf(struct route_trie *t, struct leaf **list, unsigned route, struct config_error *error) {
    const struct config_route *mine = &t->config->routes[route];
    for (struct leaf *l = *list; l; l = l->next) {
        const struct config_route *other = &t->config->routes[l->route];
        if (!shares_method(mine, other)) continue;
        *error = (struct config_error){0};
        snprintf(error->path, sizeof error->path, "routes[%u].pattern", route);
        snprintf(error->message, sizeof error->message, "\"%.80s\" is equal to routes[%u].pattern \"%.80s\"", mine->pattern, l->route, other->pattern);
        return false;
    }
    struct leaf *l = arena_alloc(&t->arena, sizeof *l);
    l->route = route;
    // Named methods stand before "any".
    while (*list && t->config->routes[(*list)->route].method_count) list = &(*list)->next;
    if (!mine->method_count)
        while (*list) list = &(*list)->next;
    l->next = *list;
    *list = l;
    return true;
}

static bool add_route(struct route_trie *t, unsigned route, struct config_error *error) {
    struct span rest = span_of(t->config->routes[route].pattern), segment;
    int at = 0;
    while (next_segment(&rest, &segment)) {
        if (segment.n && segment.p[0] == '*') return add_leaf(t, &t->nodes[at].rest, route, error);
        if (segment.n && segment.p[0] == ':') {
            if (t->nodes[at].param < 0) {
                int child = add_node(t);
                t->nodes[at].param = child;
            }
            at = t->nodes[at].param;
            continue;
        }
        struct edge *e = find_edge(t, at, segment);
        if (e->to) {
            at = e->to;
            continue;
        }
        *e = (struct edge){segment, at, add_node(t)};
        at = e->to;
        if (++t->edge_count * 2 > t->edge_cap) grow_edges(t);
    }
    return add_leaf(t, &t->nodes[at].here, route, error);
}

struct route_trie *route_build(const struct config *config, struct config_error *error) {
    struct route_trie *t = base_zalloc(sizeof *t);
    unsigned segments = 1;
    for (unsigned i = 0; i < config->route_count; i++)
        for (const char *p = config->routes[i].pattern; *p; p++) segments += *p == '/';
    t->config = config;
    t->node_cap = segments;
    t->nodes = base_alloc(segments * sizeof *t->nodes);
    t->edge_cap = 16;
    t->edges = base_zalloc(t->edge_cap * sizeof *t->edges);
    add_node(t);
    for (unsigned i = 0; i < config->route_count; i++) {
        if (add_route(t, i, error)) continue;
        route_free(t);
        return NULL;
    }
    return t;
}

void route_free(struct route_trie *t) {
    arena_free(&t->arena);
    free(t->nodes);
    free(t->edges);
    free(t);
}

static int pick_leaf(const struct route_trie *t, const struct leaf *list, struct span method) {
    int get = -1;
    for (const struct leaf *l = list; l; l = l->next) {
        const struct config_route *r = &t->config->routes[l->route];
        if (!r->method_count) return get >= 0 ? get : (int)l->route;
        for (unsigned i = 0; i < r->method_count; i++) {
            if (span_eq(method, span_of(r->methods[i]))) return (int)l->route;
            // A HEAD is a GET without the body, unless the app says otherwise.
            if (get < 0 && method.n == 4 && memcmp(method.p, "HEAD", 4) == 0 && strcmp(r->methods[i], "GET") == 0) get = (int)l->route;
        }
    }
    return get;
}

/**
 * Walks down; at most 2^depth branches, and depth is the config's. A segment that is empty never matches :name.
 */
static int find_from(const struct route_trie *t, int at, struct span rest, struct span method) {
    const struct trie_node *node = &t->nodes[at];
    struct span segment, after = rest;
    int found = -1;
    if (!next_segment(&after, &segment)) return pick_leaf(t, node->here, method);
    const struct edge *e = find_edge(t, at, segment);
    if (e->to) found = find_from(t, e->to, after, method);
    if (found < 0 && node->param >= 0 && segment.n) found = find_from(t, node->param, after, method);
    if (found < 0 && node->rest) found = pick_leaf(t, node->rest, method);
    return found;
}

int route_find(const struct route_trie *t, struct span method, struct span target) {
    const char *query = memchr(target.p, '?', target.n);
    struct span path = {target.p, query ? (size_t)(query - target.p) : target.n};
    if (!path.n || path.p[0] != '/') return -1;
    if (t->config->route_count == 0) return -1;
    return find_from(t, 0, path, method);
}
