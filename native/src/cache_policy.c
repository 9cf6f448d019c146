#include "cache_policy.h"

#include "cache_date.h"

/** Share of the time since an answer's last change for which it may be taken as fresh (RFC 9111 4.2.2's own example). */
#define HEURISTIC_SHARE 10

const struct http1_field *cache_field(const struct http1_head *head, struct span name) {
    for (unsigned i = 0; i < head->count; i++)
        if (span_ieq(head->fields[i].name, name)) return &head->fields[i];
    return NULL;
}

/** Statuses that may be stored without being told so (RFC 9110 15.1); 206 is not, since no parts are stored. */
static bool is_heuristic(int status) {
    static const int known[] = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501};
    for (unsigned i = 0; i < COUNT_OF(known); i++)
        if (known[i] == status) return true;
    return false;
}

/** Statuses whose caching needs more than this cache does, and interim ones. */
static bool is_unstorable(int status) { return status < 200 || status == 206 || status == 304 || status > 599; }

/** A date field; false: absent, or no date. */
static bool read_date(const struct http1_head *head, struct span name, int64_t now, int64_t *out) {
    const struct http1_field *f = cache_field(head, name);
    return f && cache_date_read(f->value, now, out);
}

/** The Age field: of a list the first; one that is no number says nothing. */
static int64_t read_age(const struct http1_head *head) {
    const struct http1_field *f = cache_field(head, SPAN("age"));
    int64_t age = 0;
    if (!f) return 0;
    struct span rest = f->value, first = {"", 0};
    if (!span_next(&rest, &first) || !cache_seconds_read(first, &age)) return 0;
    return age;
}

static int64_t lifetime_of(const struct http1_head *head, const struct cache_control *cc, int64_t now) {
    int64_t date = now, expires, modified;
    read_date(head, SPAN("date"), now, &date);
    if (cc->s_maxage != CACHE_UNTOLD) return cc->s_maxage;
    if (cc->max_age != CACHE_UNTOLD) return cc->max_age;
    if (!cc->targeted && cache_field(head, SPAN("expires")))
        // "0" and whatever else is no date lies in the past.
        return read_date(head, SPAN("expires"), now, &expires) && expires > date ? expires - date : 0;
    if (!is_heuristic(head->status) && !cc->is_public) return 0;
    if (!read_date(head, SPAN("last-modified"), now, &modified) || modified >= date) return 0;
    return (date - modified) / HEURISTIC_SHARE;
}

void cache_policy_facts(const struct http1_head *answer, const struct cache_asked *asked, int64_t now, struct cache_facts *facts) {
    struct cache_control cc;
    int64_t date = now;
    cache_control_read_answer(&cc, answer);
    read_date(answer, SPAN("date"), now, &date);
    int64_t apparent = now > date ? now - date : 0, delay = now > asked->at ? now - asked->at : 0, told = read_age(answer) + delay;
    *facts = (struct cache_facts){
        .received = now,
        .initial_age = apparent > told ? apparent : told,
        .lifetime = lifetime_of(answer, &cc, now),
        .while_revalidate = cc.stale_while_revalidate > 0 ? cc.stale_while_revalidate : 0,
        .if_error = cc.stale_if_error > 0 ? cc.stale_if_error : 0,
        .always_validate = cc.no_cache,
        .never_stale = cc.must_revalidate || cc.proxy_revalidate || cc.s_maxage != CACHE_UNTOLD || cc.no_cache,
    };
}

/** Whether the answer says that it may be stored (RFC 9111 3). */
static bool is_invited(const struct http1_head *answer, const struct cache_control *cc) {
    return cc->is_public || cc->max_age != CACHE_UNTOLD || cc->s_maxage != CACHE_UNTOLD || cache_field(answer, SPAN("expires")) || is_heuristic(answer->status);
}

bool cache_policy_store(const struct http1_head *answer, const struct cache_asked *asked, int64_t now, struct cache_facts *facts) {
    struct cache_control cc;
    cache_control_read_answer(&cc, answer);
    if (asked->no_store || cc.is_private || is_unstorable(answer->status)) return false;
    // Who says must-understand means no-store for those who do not know the status.
    if (cc.must_understand ? !is_heuristic(answer->status) : cc.no_store) return false;
    if (asked->authorized && !cc.is_public && cc.s_maxage == CACHE_UNTOLD && !cc.must_revalidate) return false;
    // Whose session would it be? Only who says "public" can mean it for all.
    if (cache_field(answer, SPAN("set-cookie")) && !cc.is_public) return false;
    if (!is_invited(answer, &cc)) return false;
    cache_policy_facts(answer, asked, now, facts);
    bool validator = cache_field(answer, SPAN("etag")) || cache_field(answer, SPAN("last-modified"));
    bool fresh = facts->lifetime > facts->initial_age && !facts->always_validate;
    // An error that is over at once must not stand in the place of an answer that could still serve.
    if (answer->status >= 500) return fresh;
    return fresh || validator || facts->while_revalidate || facts->if_error;
}

int64_t cache_policy_age(const struct cache_facts *facts, int64_t now) {
    return facts->initial_age + (now > facts->received ? now - facts->received : 0);
}

enum cache_use cache_policy_use(const struct cache_facts *facts, const struct cache_control *request, int64_t now) {
    int64_t age = cache_policy_age(facts, now), left = facts->lifetime - age;
    if (facts->always_validate || request->no_cache) return CACHE_USE_VALIDATE;
    if (request->max_age != CACHE_UNTOLD && age > request->max_age) return CACHE_USE_VALIDATE;
    if (request->min_fresh != CACHE_UNTOLD && left < request->min_fresh) return CACHE_USE_VALIDATE;
    if (left > 0) return CACHE_USE_FRESH;
    if (facts->never_stale) return CACHE_USE_VALIDATE;
    if (request->max_stale != CACHE_UNTOLD && -left <= request->max_stale) return CACHE_USE_FRESH;
    return -left < facts->while_revalidate ? CACHE_USE_STALE : CACHE_USE_VALIDATE;
}

bool cache_policy_stale_if_error(const struct cache_facts *facts, const struct cache_control *request, int64_t now, bool unreachable) {
    int64_t over = cache_policy_age(facts, now) - facts->lifetime;
    if (facts->never_stale || facts->always_validate || request->no_cache) return false;
    if (unreachable || over < 0) return true;
    int64_t allowed = facts->if_error;
    if (request->stale_if_error > allowed) allowed = request->stale_if_error;
    return over <= allowed;
}
