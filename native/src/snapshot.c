#include "snapshot.h"

#include <pthread.h>

#include "loop.h"
#include "queue.h"
#include "sample.h"
#include "sigv4.h"

static pthread_mutex_t row_lock = PTHREAD_MUTEX_INITIALIZER;

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/** Distinct endpoint names, sorted; returns how many. */
static unsigned endpoint_names(const struct config *c, const char **names) {
    unsigned n = 0;
    for (unsigned i = 0; i < c->route_count; i++) names[n++] = c->routes[i].endpoint;
    qsort(names, n, sizeof *names, by_text);
    unsigned kept = 0;
    for (unsigned i = 0; i < n; i++)
        if (strcmp(names[i], "*") != 0 && (!kept || strcmp(names[kept - 1], names[i]) != 0)) names[kept++] = names[i];
    return kept;
}

static void build_endpoints(struct snapshot *s) {
    const struct config *c = s->config;
    const char **names = base_alloc(c->route_count * sizeof *names);
    unsigned n = endpoint_names(c, names);
    s->endpoint_count = n + 1;
    s->endpoints = base_zalloc(s->endpoint_count * sizeof *s->endpoints);
    s->endpoints[0].account = account_endpoint_get("*");
    for (unsigned i = 0; i < n; i++) s->endpoints[i + 1].account = account_endpoint_get(names[i]);
    s->route_endpoint = base_zalloc(c->route_count * sizeof *s->route_endpoint);
    for (unsigned i = 0; i < c->route_count; i++) {
        const char **found = n ? bsearch(&c->routes[i].endpoint, names, n, sizeof *names, by_text) : NULL;
        s->route_endpoint[i] = found ? (unsigned)(found - names) + 1 : 0;
    }
    free(names);
}

/** A class of nodes by a number that is the same in every snapshot. */
static uint64_t class_id(const char *name) { return name ? span_hash(span_of(name), 1) | 1 : 0; }

/** What routes say of their endpoints. */
static void describe_endpoints(struct snapshot *s) {
    const struct config *c = s->config;
    sample_key(s->sample_key, c->capture_sample_key);
    s->endpoints[0].sample = sample_bound(c->capture_sample);
    for (unsigned i = 0; i < c->route_count; i++) {
        struct snapshot_endpoint *e = &s->endpoints[s->route_endpoint[i]];
        e->rate = c->routes[i].rate;
        e->sample = sample_bound(c->routes[i].sample);
        e->class_count = c->routes[i].class_count;
        for (unsigned k = 0; k < e->class_count; k++) e->classes[k] = class_id(c->routes[i].node_classes[k]);
    }
    for (unsigned i = 0; i < s->endpoint_count; i++) s->endpoints[i].lane = queue_lane_get(s->endpoints[i].class_count ? s->endpoints[i].classes[0] : 0);
}

/** Whether the node got requests under the old snapshot. */
static bool was_active(const struct snapshot *old, const struct account_node *n) {
    return n->generation == old->serial && n->active;
}

static void build_nodes(struct snapshot *s, const struct snapshot *old) {
    const struct config *c = s->config;
    s->node_count = c->node_count;
    s->nodes = base_zalloc(c->node_count * sizeof *s->nodes);
    for (unsigned i = 0; i < c->node_count; i++) {
        const struct config_node *n = &c->nodes[i];
        s->nodes[i] = (struct snapshot_node){.account = account_node_get(n->name, n->address, n->port), .share = 1 / n->weight, .active = !n->drain, .class = class_id(n->class), .key = span_hash(span_of(n->name), 2) | 1,
                                             .identity = tls_context_identity(s->tls, n), .server_name = n->server_name ? n->server_name : n->address};
        if (old && s->nodes[i].active && !was_active(old, s->nodes[i].account)) s->nodes[i].account->serving_since = loop_clock();
        s->nodes[i].account->active = s->nodes[i].active;
        s->nodes[i].account->identity = s->nodes[i].identity;
        s->nodes[i].account->generation = s->serial;
        s->nodes[i].account->index = i;
        s->nodes[i].account->capacity = c->limits.measure ? 0 : (uint32_t)n->max_requests;
        s->nodes[i].measured = c->limits.measure ? (uint32_t)n->max_requests : 0;
    }
    s->nowhere = account_node_get("", "", 0);
}

/** Takes over what an endpoint has learnt of the nodes that stay. */
static void carry_row(struct snapshot *s, unsigned endpoint, const struct snapshot *old, snapshot_pairs *row) {
    for (unsigned n = 0; n < old->node_count; n++) {
        struct account_pair *p = row[n];
        // A node of this snapshot says where it stands in it.
        if (p && p->node->generation == s->serial) snapshot_row(s, endpoint)[p->node->index] = account_pair_ref(p);
    }
}

/** So that averages are still referenced when the old snapshot goes. */
static void carry_rows(struct snapshot *s, const struct snapshot *old) {
    for (unsigned i = 0, j = 0; i < s->endpoint_count && old; i++) {
        // Both lists are "*" followed by sorted names.
        const char *name = s->endpoints[i].account->name;
        if (i)
            while (j < old->endpoint_count && (j == 0 || strcmp(old->endpoints[j].account->name, name) < 0)) j++;
        if (j >= old->endpoint_count) return;
        if (old->endpoints[j].account == s->endpoints[i].account && old->endpoints[j].row) carry_row(s, i, old, old->endpoints[j].row);
    }
}

static void forget_signing(struct sigv4_key *key) {
    if (key) sigv4_forget(key);
    free(key);
}

static bool load_signing(const struct config *c, struct sigv4_key **key, struct config_error *error) {
    if (!c->cache.signing.secret_file) return true;
    *key = base_alloc(sizeof **key);
    if (sigv4_load(*key, &c->cache.signing, error)) return true;
    forget_signing(*key);
    return false;
}

struct snapshot *snapshot_build(struct config *config, uint64_t generation, const struct snapshot *old, struct config_error *error) {
    struct route_trie *routes = route_build(config, error);
    struct tls_context *tls = routes ? tls_context_new(config, error) : NULL;
    struct sigv4_key *signing = NULL;
    if (!tls || !load_signing(config, &signing, error)) {
        if (tls) tls_context_unref(tls);
        if (routes) route_free(routes);
        config_free(config);
        return NULL;
    }
    struct snapshot *s = base_zalloc(sizeof *s);
    s->refs = 1;
    s->generation = generation;
    s->serial = old ? old->serial + 1 : 1;
    s->config = config;
    s->routes = routes;
    s->tls = tls;
    s->signing = signing;
    build_endpoints(s);
    describe_endpoints(s);
    build_nodes(s, old);
    carry_rows(s, old);
    return s;
}

struct snapshot *snapshot_ref(struct snapshot *s) {
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void snapshot_unref(struct snapshot *s) {
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) return;
    for (unsigned e = 0; e < s->endpoint_count; e++) {
        snapshot_pairs *row = s->endpoints[e].row;
        for (unsigned n = 0; row && n <= s->node_count; n++)
            if (row[n]) account_pair_unref(row[n]);
        free(row);
        account_endpoint_unref(s->endpoints[e].account);
        queue_lane_unref(s->endpoints[e].lane);
    }
    for (unsigned n = 0; n < s->node_count; n++) account_node_unref(s->nodes[n].account);
    account_node_unref(s->nowhere);
    route_free(s->routes);
    tls_context_unref(s->tls);
    forget_signing(s->signing);
    config_free(s->config);
    free(s->endpoints);
    free(s->nodes);
    free(s->route_endpoint);
    free(s);
}

static snapshot_pairs *make_row(struct snapshot *s, unsigned endpoint) {
    pthread_mutex_lock(&row_lock);
    snapshot_pairs *row = s->endpoints[endpoint].row;
    if (!row) {
        row = base_zalloc((s->node_count + 1) * sizeof *row);
        atomic_store_explicit(&s->endpoints[endpoint].row, row, memory_order_release);
    }
    pthread_mutex_unlock(&row_lock);
    return row;
}

snapshot_pairs *snapshot_row(struct snapshot *s, unsigned endpoint) {
    snapshot_pairs *row = atomic_load_explicit(&s->endpoints[endpoint].row, memory_order_acquire);
    return LIKELY(row != NULL) ? row : make_row(s, endpoint);
}

static struct account_pair *make_pair(struct snapshot *s, unsigned endpoint, unsigned node) {
    snapshot_pairs *at = &snapshot_row(s, endpoint)[node];
    struct account_pair *made = account_pair_get(s->endpoints[endpoint].account, node == s->node_count ? s->nowhere : s->nodes[node].account), *before = NULL;
    if (atomic_compare_exchange_strong(at, &before, made)) return made;
    account_pair_unref(made);
    return before;
}

struct account_pair *snapshot_pair(struct snapshot *s, unsigned endpoint, unsigned node) {
    struct account_pair *p = atomic_load_explicit(&snapshot_row(s, endpoint)[node], memory_order_acquire);
    return LIKELY(p != NULL) ? p : make_pair(s, endpoint, node);
}
