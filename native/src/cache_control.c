#include "cache_control.h"

void cache_control_init(struct cache_control *c) {
    *c = (struct cache_control){.max_age = CACHE_UNTOLD, .s_maxage = CACHE_UNTOLD, .stale_while_revalidate = CACHE_UNTOLD,
                                .stale_if_error = CACHE_UNTOLD, .max_stale = CACHE_UNTOLD, .min_fresh = CACHE_UNTOLD};
}

bool cache_seconds_read(struct span text, int64_t *out) {
    int64_t v = 0;
    if (!text.n) return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') return false;
        if (v < CACHE_LONGEST) v = v * 10 + (text.p[i] - '0');
    }
    *out = v < CACHE_LONGEST ? v : CACHE_LONGEST;
    return true;
}

/** The next element of a list in which quoted strings may hold commas. false: there is none. */
static bool next_item(struct span *rest, struct span *item) {
    while (rest->n) {
        size_t n = 0;
        for (bool quoted = false; n < rest->n && (quoted || rest->p[n] != ','); n++) {
            if (quoted && rest->p[n] == '\\' && n + 1 < rest->n) n++;
            else if (rest->p[n] == '"') quoted = !quoted;
        }
        *item = span_trim((struct span){rest->p, n});
        size_t used = n < rest->n ? n + 1 : n;
        rest->p += used;
        rest->n -= used;
        if (item->n) return true;
    }
    return false;
}

/** @param missing what a directive without an argument stands for */
static void set_time(int64_t *at, struct span value, bool has_value, int64_t missing) {
    if (*at != CACHE_UNTOLD) return;
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"') value = (struct span){value.p + 1, value.n - 2};
    if (!has_value) *at = missing;
    else if (!cache_seconds_read(value, at)) *at = 0;
}

static void set_flag(struct cache_control *c, struct span name) {
    const struct {
        struct span name;
        bool *at;
    } flags[] = {
        {SPAN("no-store"), &c->no_store}, {SPAN("no-cache"), &c->no_cache}, {SPAN("private"), &c->is_private}, {SPAN("public"), &c->is_public},
        {SPAN("must-revalidate"), &c->must_revalidate}, {SPAN("proxy-revalidate"), &c->proxy_revalidate},
        {SPAN("must-understand"), &c->must_understand}, {SPAN("only-if-cached"), &c->only_if_cached},
    };
    for (unsigned i = 0; i < COUNT_OF(flags); i++)
        if (span_ieq(name, flags[i].name)) *flags[i].at = true;
}

static void add_directive(struct cache_control *c, struct span item) {
    const char *equals = memchr(item.p, '=', item.n);
    struct span name = {item.p, equals ? (size_t)(equals - item.p) : item.n};
    struct span value = equals ? (struct span){equals + 1, item.n - name.n - 1} : (struct span){"", 0};
    const struct {
        struct span name;
        int64_t *at;
        int64_t missing;
    } times[] = {
        {SPAN("max-age"), &c->max_age, 0}, {SPAN("s-maxage"), &c->s_maxage, 0}, {SPAN("min-fresh"), &c->min_fresh, 0},
        {SPAN("max-stale"), &c->max_stale, CACHE_LONGEST}, {SPAN("stale-while-revalidate"), &c->stale_while_revalidate, 0},
        {SPAN("stale-if-error"), &c->stale_if_error, 0},
    };
    for (unsigned i = 0; i < COUNT_OF(times); i++) {
        if (!span_ieq(name, times[i].name)) continue;
        set_time(times[i].at, value, equals != NULL, times[i].missing);
        return;
    }
    // An argument narrows no-cache and private to fields; to take them for the whole answer errs on the safe side.
    set_flag(c, name);
}

void cache_control_add(struct cache_control *c, struct span value) {
    struct span item;
    c->present = true;
    while (next_item(&value, &item)) add_directive(c, item);
}

void cache_control_read(struct cache_control *c, const struct http1_head *head) {
    cache_control_init(c);
    for (unsigned i = 0; i < head->count; i++)
        if (span_ieq(head->fields[i].name, SPAN("cache-control"))) cache_control_add(c, head->fields[i].value);
}

static bool is_key_char(char c, bool first) {
    return (c >= 'a' && c <= 'z') || c == '*' || (!first && ((c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'));
}

/** Whether an element is "key", "key=?1" or "key=integer": a dictionary's others have no meaning here, and break it when malformed. */
static bool is_member(struct span item) {
    size_t n = 0;
    while (n < item.n && is_key_char(item.p[n], n == 0)) n++;
    if (!n || n == item.n) return n;
    struct span value = {item.p + n + 1, item.n - n - 1};
    if (item.p[n] != '=' || !value.n) return false;
    if (value.p[0] == '?') return value.n == 2 && (value.p[1] == '0' || value.p[1] == '1');
    if (value.p[0] == '"') return value.n >= 2 && value.p[value.n - 1] == '"';
    size_t digits = value.p[0] == '-';
    if (digits == value.n || value.n - digits > 15) return false;
    for (size_t i = digits; i < value.n; i++)
        if (value.p[i] < '0' || value.p[i] > '9') return false;
    return true;
}

/** A time in quotes is a string, not a time: it says nothing. "?0" takes a flag back. */
static bool is_telling(struct span item) { return !memchr(item.p, '"', item.n) && !(item.n > 3 && memcmp(item.p + item.n - 3, "=?0", 3) == 0); }

/** @return false: it is no dictionary, or an empty one */
static bool add_targeted(struct cache_control *c, struct span value) {
    struct span item;
    while (next_item(&value, &item)) {
        if (!is_member(item)) return false;
        if (!is_telling(item)) continue;
        add_directive(c, item);
        c->targeted = true;
    }
    return true;
}

void cache_control_read_answer(struct cache_control *c, const struct http1_head *head) {
    bool good = true;
    cache_control_init(c);
    for (unsigned i = 0; i < head->count; i++)
        if (span_ieq(head->fields[i].name, SPAN("cdn-cache-control"))) good = good && add_targeted(c, head->fields[i].value);
    c->present = c->targeted;
    if (!good || !c->targeted) cache_control_read(c, head);
}
