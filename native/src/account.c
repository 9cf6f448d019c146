#include "account.h"

#include <pthread.h>

#include "loop.h"

/** Weight of the newest sample once the average has warmed up: follows a change within about 16 requests. */
#define WINDOW 16u
/** A stale average goes half way to the endpoint's in this time (linkerd's and finagle's customary 10 s). */
#define HALF_LIFE_NS 10000000000ull
/**
 * Charge while nothing at all is known of an endpoint. Equal charges make the choice least-connections, so among themselves
 * any value will do; a high one keeps later requests away from where the first ones have not been answered yet.
 */
#define COLD_NS 100000000ull

#define BUCKETS 4096u

static struct {
    pthread_mutex_t lock;
    unsigned workers;
    struct list nodes[BUCKETS], endpoints[BUCKETS], pairs[BUCKETS];
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

void account_setup(unsigned workers) {
    registry.workers = workers;
    for (unsigned i = 0; i < BUCKETS; i++) {
        list_init(&registry.nodes[i]);
        list_init(&registry.endpoints[i]);
        list_init(&registry.pairs[i]);
    }
}

unsigned account_workers(void) { return registry.workers; }

static struct list *bucket(struct list *table, const char *name) { return &table[span_hash(span_of(name), 0) % BUCKETS]; }

static struct list *pair_bucket(const struct account_endpoint *e, const struct account_node *n) {
    uint64_t h = ((uintptr_t)e >> 4) * 0x9e3779b97f4a7c15u ^ ((uintptr_t)n >> 4) * 0xc2b2ae3d27d4eb4fu;
    return &registry.pairs[(h >> 32) % BUCKETS];
}

static struct account_node *make_node(const char *name, const char *address, uint16_t port) {
    size_t size = sizeof(struct account_node) + registry.workers * sizeof(struct list);
    struct account_node *n = aligned_alloc(64, (size + 63) & ~(size_t)63);
    BUG_ON(!n);
    memset(n, 0, size);
    n->name = base_dup(name, strlen(name));
    n->address = base_dup(address, strlen(address));
    n->port = port;
    n->tallied = loop_clock();
    // The pseudo node "" (exchanges that reached nobody) has no address.
    if (*address) BUG_ON(!cidr_sockaddr(address, port, &n->sockaddr, &n->sockaddr_length));
    snprintf(n->host, sizeof n->host, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
    for (unsigned i = 0; i < registry.workers; i++) list_init(&n->idle[i]);
    return n;
}

struct account_node *account_node_get(const char *name, const char *address, uint16_t port) {
    pthread_mutex_lock(&registry.lock);
    struct list *head = bucket(registry.nodes, name);
    struct account_node *found = NULL;
    for (struct list *l = head->next; l != head && !found; l = l->next) {
        struct account_node *n = CONTAINER_OF(l, struct account_node, link);
        if (n->port == port && strcmp(n->name, name) == 0 && strcmp(n->address, address) == 0) found = n;
    }
    if (!found) {
        found = make_node(name, address, port);
        list_push(head, &found->link);
    }
    found->refs++;
    pthread_mutex_unlock(&registry.lock);
    return found;
}

struct account_endpoint *account_endpoint_get(const char *name) {
    pthread_mutex_lock(&registry.lock);
    struct list *head = bucket(registry.endpoints, name);
    struct account_endpoint *found = NULL;
    for (struct list *l = head->next; l != head && !found; l = l->next) {
        struct account_endpoint *e = CONTAINER_OF(l, struct account_endpoint, link);
        if (strcmp(e->name, name) == 0) found = e;
    }
    if (!found) {
        found = base_zalloc(sizeof *found);
        found->name = base_dup(name, strlen(name));
        list_push(head, &found->link);
    }
    found->refs++;
    pthread_mutex_unlock(&registry.lock);
    return found;
}

struct account_pair *account_pair_get(struct account_endpoint *e, struct account_node *n) {
    pthread_mutex_lock(&registry.lock);
    struct list *head = pair_bucket(e, n);
    struct account_pair *found = NULL;
    for (struct list *l = head->next; l != head && !found; l = l->next) {
        struct account_pair *p = CONTAINER_OF(l, struct account_pair, link);
        if (p->endpoint == e && p->node == n) found = p;
    }
    if (!found) {
        found = base_zalloc(sizeof *found + registry.workers * sizeof found->meters[0]);
        found->endpoint = e;
        found->node = n;
        e->refs++;
        n->refs++;
        list_push(head, &found->link);
    }
    found->refs++;
    pthread_mutex_unlock(&registry.lock);
    return found;
}

struct account_pair *account_pair_ref(struct account_pair *p) {
    pthread_mutex_lock(&registry.lock);
    p->refs++;
    pthread_mutex_unlock(&registry.lock);
    return p;
}

struct account_node *account_node_ref(struct account_node *n) {
    pthread_mutex_lock(&registry.lock);
    n->refs++;
    pthread_mutex_unlock(&registry.lock);
    return n;
}

static void drop_node(struct account_node *n) {
    BUG_ON(n->refs == 0);
    if (--n->refs) return;
    // Whoever charges a node holds a reference to it: a balance left now was leaked.
    BUG_ON(n->wait != 0 || n->open != 0);
    list_remove(&n->link);
    free(n->name);
    free(n->address);
    free(n);
}

static void drop_endpoint(struct account_endpoint *e) {
    BUG_ON(e->refs == 0);
    if (--e->refs) return;
    list_remove(&e->link);
    free(e->name);
    free(e);
}

void account_node_unref(struct account_node *n) {
    pthread_mutex_lock(&registry.lock);
    drop_node(n);
    pthread_mutex_unlock(&registry.lock);
}

void account_endpoint_unref(struct account_endpoint *e) {
    pthread_mutex_lock(&registry.lock);
    drop_endpoint(e);
    pthread_mutex_unlock(&registry.lock);
}

void account_pair_unref(struct account_pair *p) {
    pthread_mutex_lock(&registry.lock);
    BUG_ON(p->refs == 0);
    if (--p->refs == 0) {
        list_remove(&p->link);
        drop_endpoint(p->endpoint);
        drop_node(p->node);
        free(p);
    }
    pthread_mutex_unlock(&registry.lock);
}

static uint64_t get(const _Atomic uint64_t *v) { return atomic_load_explicit(v, memory_order_relaxed); }

uint64_t account_expect(const struct account_endpoint *e, const struct account_pair *p, uint64_t now) {
    uint64_t overall = get(&e->average), own = p ? get(&p->average) : 0;
    if (!own) return overall ? overall : COLD_NS;
    uint64_t sampled = get(&p->sampled);
    uint64_t age = now > sampled ? now - sampled : 0;
    if (LIKELY(age < HALF_LIFE_NS / 16)) return own;
    uint64_t halvings = age / HALF_LIFE_NS;
    if (halvings > 40) return overall ? overall : own;
    int64_t distance = ((int64_t)own - (int64_t)overall) / (1ll << halvings);
    distance -= distance / 2 * (int64_t)(age % HALF_LIFE_NS / (HALF_LIFE_NS / 16)) / 16;
    int64_t expected = (int64_t)overall + distance;
    return expected > 0 ? (uint64_t)expected : 1;
}

bool account_try_begin(struct account_pair *p, uint64_t now, int64_t *charge) {
    struct account_node *n = p->node;
    *charge = (int64_t)account_expect(p->endpoint, p, now);
    atomic_fetch_add_explicit(&n->wait, *charge, memory_order_relaxed);
    // In this order a reader between the two sees the node too young, never too old (account_wait).
    atomic_fetch_add_explicit(&n->started, now, memory_order_release);
    uint32_t capacity = atomic_load_explicit(&n->capacity, memory_order_relaxed);
    if (LIKELY(!capacity)) {
        atomic_fetch_add_explicit(&n->open, 1, memory_order_release);
        return true;
    }
    int64_t open = atomic_load(&n->open);
    while (open < capacity)
        if (atomic_compare_exchange_weak(&n->open, &open, open + 1)) return true;
    atomic_fetch_sub_explicit(&n->started, now, memory_order_release);
    atomic_fetch_sub_explicit(&n->wait, *charge, memory_order_relaxed);
    return false;
}

int64_t account_begin(struct account_pair *p, uint64_t now) {
    int64_t charge;
    BUG_ON(!account_try_begin(p, now, &charge));
    return charge;
}

void account_end(struct account_pair *p, int64_t charge, uint64_t started) {
    struct account_node *n = p->node;
    int64_t open = atomic_fetch_sub_explicit(&n->open, 1, memory_order_release);
    atomic_fetch_sub_explicit(&n->started, started, memory_order_release);
    atomic_fetch_sub_explicit(&n->wait, charge, memory_order_relaxed);
    BUG_ON(open <= 0);
}

/** Running mean for the first WINDOW samples, exponential after. Two workers may lose a sample: it is an average. */
static void average_in(_Atomic uint64_t *average, _Atomic uint32_t *samples, uint64_t duration) {
    uint32_t n = atomic_load_explicit(samples, memory_order_relaxed);
    if (n < WINDOW) atomic_store_explicit(samples, ++n, memory_order_relaxed);
    int64_t a = (int64_t)get(average);
    a += ((int64_t)duration - a) / (int64_t)n;
    atomic_store_explicit(average, a > 0 ? (uint64_t)a : 1, memory_order_relaxed);
}

static void count(_Atomic uint64_t *tally) { atomic_store_explicit(tally, get(tally) + 1, memory_order_relaxed); }

void account_count_failure(struct account_node *n) { count(&n->failures); }

void account_learn(struct account_pair *p, uint64_t duration, uint64_t now) {
    average_in(&p->average, &p->samples, duration);
    average_in(&p->endpoint->average, &p->endpoint->samples, duration);
    atomic_store_explicit(&p->sampled, now, memory_order_relaxed);
    count(&p->node->successes);
}

struct outlier_tally account_tally(struct account_node *n, uint64_t now) {
    uint64_t since = get(&n->tallied), halvings = now > since ? (now - since) / HALF_LIFE_NS : 0;
    if (halvings) {
        unsigned shift = halvings < 63 ? (unsigned)halvings : 63;
        atomic_store_explicit(&n->successes, get(&n->successes) >> shift, memory_order_relaxed);
        atomic_store_explicit(&n->failures, get(&n->failures) >> shift, memory_order_relaxed);
        atomic_store_explicit(&n->tallied, since + halvings * HALF_LIFE_NS, memory_order_relaxed);
    }
    return (struct outlier_tally){get(&n->successes), get(&n->failures)};
}

void account_eject(struct account_node *n, uint64_t now) {
    uint64_t until = get(&n->ejected_until);
    // In a row: it had not been back for as long as it had been away.
    uint32_t nth = until && now - until < outlier_duration(n->ejections) ? n->ejections + 1 : 1;
    atomic_store_explicit(&n->ejections, nth, memory_order_relaxed);
    until = now + outlier_duration(nth);
    atomic_store_explicit(&n->ejected_until, until, memory_order_relaxed);
    atomic_store_explicit(&n->serving_since, until, memory_order_relaxed);
    atomic_store_explicit(&n->successes, 0, memory_order_relaxed);
    atomic_store_explicit(&n->failures, 0, memory_order_relaxed);
}

void account_fail(struct account_pair *p, int64_t charge, uint64_t duration, uint64_t now) {
    uint64_t until = get(&p->node->debt_until);
    uint64_t cost = (uint64_t)charge > duration ? (uint64_t)charge : duration;
    until = (until > now ? until : now) + cost;
    // Bounded, so that after an outage of everything the debts do not drown what the waits have to say for long.
    if (until > now + HALF_LIFE_NS) until = now + HALF_LIFE_NS;
    atomic_store_explicit(&p->node->debt_until, until, memory_order_relaxed);
}

uint64_t account_wait(const struct account_node *n, uint64_t now) {
    int64_t open = atomic_load_explicit(&n->open, memory_order_acquire);
    uint64_t started = atomic_load_explicit(&n->started, memory_order_acquire);
    int64_t wait = atomic_load_explicit(&n->wait, memory_order_relaxed);
    if (open > 0) {
        int64_t age = (int64_t)((uint64_t)open * now - started);
        bool torn = atomic_load_explicit(&n->open, memory_order_relaxed) != open;
        if (!torn && age > wait) wait = age;
    }
    uint64_t debt = get(&n->debt_until);
    return (wait > 0 ? (uint64_t)wait : 0) + (debt > now ? debt - now : 0);
}

int64_t account_wait_sum(void) {
    int64_t sum = 0;
    pthread_mutex_lock(&registry.lock);
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct list *l = registry.nodes[i].next; l != &registry.nodes[i]; l = l->next)
            sum += atomic_load_explicit(&CONTAINER_OF(l, struct account_node, link)->wait, memory_order_relaxed);
    pthread_mutex_unlock(&registry.lock);
    return sum;
}
