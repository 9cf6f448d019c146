#include "config_route.h"

#include "http1.h"

static bool read_methods(struct reader *r, const struct json *item, const char *path, struct config_route *route) {
    const struct json *methods = member(item, "methods");
    if (!methods) return true;
    char at[128];
    snprintf(at, sizeof at, "%s.methods", path);
    if (methods->type != JSON_ARRAY) return fail(r, at, "found %s, expected an array", json_type_text(methods->type));
    route->methods = arena_alloc(&r->config->arena, methods->count * sizeof *route->methods);
    for (const struct json *m = methods->first; m; m = m->next) {
        snprintf(at, sizeof at, "%s.methods[%u]", path, route->method_count);
        const char *text;
        if (!get_text(r, m, at, 32, &text)) return false;
        if (!valid_token(text)) return fail(r, at, "found \"%s\", expected a method name", text);
        for (unsigned i = 0; i < route->method_count; i++)
            if (strcmp(route->methods[i], text) == 0) return fail(r, at, "\"%s\" stands twice", text);
        route->methods[route->method_count++] = text;
    }
    return true;
}

static bool read_node_classes(struct reader *r, const struct json *item, const char *path, struct config_route *route) {
    const struct json *classes = member(item, "nodeClasses");
    if (!classes) return true;
    char at[128];
    snprintf(at, sizeof at, "%s.nodeClasses", path);
    if (classes->type != JSON_ARRAY) return fail(r, at, "found %s, expected an array", json_type_text(classes->type));
    if (classes->count > CONFIG_CLASSES_MAX) return fail(r, at, "found %u classes, expected at most %u", classes->count, CONFIG_CLASSES_MAX);
    route->node_classes = arena_alloc(&r->config->arena, classes->count * sizeof *route->node_classes);
    for (const struct json *m = classes->first; m; m = m->next) {
        snprintf(at, sizeof at, "%s.nodeClasses[%u]", path, route->class_count);
        const char *text;
        if (!get_text(r, m, at, 64, &text)) return false;
        for (unsigned i = 0; i < route->class_count; i++)
            if (strcmp(route->node_classes[i], text) == 0) return fail(r, at, "\"%s\" stands twice", text);
        route->node_classes[route->class_count++] = text;
    }
    return true;
}

/** Checks the pattern's own form; whether two are equal is found when the trie is built (route.h). */
static bool check_pattern(struct reader *r, const char *path, const char *pattern) {
    if (pattern[0] != '/') return fail(r, path_of(r, path, "pattern"), "found \"%s\", expected a path that starts with '/'", pattern);
    for (const char *s = pattern + 1;; ) {
        size_t n = strcspn(s, "/");
        if ((s[0] == ':' || s[0] == '*') && n < 2) return fail(r, path_of(r, path, "pattern"), "'%c' without a name", s[0]);
        if (s[0] == '*' && s[n]) return fail(r, path_of(r, path, "pattern"), "'*%.*s' must be the last segment", (int)n - 1, s + 1);
        if (memchr(s, '?', n) || memchr(s, '#', n) || memchr(s, ' ', n)) return fail(r, path_of(r, path, "pattern"), "'?', '#' or a space in a path");
        if (!s[n]) return true;
        s += n + 1;
    }
}

static bool read_route_limit(struct reader *r, const struct json *item, const char *path, struct config_route *route) {
    static const char *const keys[] = {"rate", "burst", NULL};
    const struct json *v = member(item, "limit");
    char at[96];
    snprintf(at, sizeof at, "%s.limit", path);
    return !v || (only_keys(r, v, at, keys) && get_rate(r, v, at, &route->rate));
}

static bool read_route(struct reader *r, const struct json *item, const char *path, struct config_route *route) {
    static const char *const keys[] = {"pattern", "methods", "endpoint", "class", "sticky", "nodeClasses", "limit", "sample", NULL};
    static const char *const classes[] = {"app", "asset", "realtime", NULL};
    static const char *const stickies[] = {"none", "ip", "cookie", NULL};
    int class = CLASS_APP, sticky = STICKY_NONE;
    if (!only_keys(r, item, path, keys)) return false;
    if (!get_string(r, item, path, "pattern", true, 1024, &route->pattern)) return false;
    if (!check_pattern(r, path, route->pattern)) return false;
    if (!read_methods(r, item, path, route)) return false;
    if (!get_string(r, item, path, "endpoint", false, 1100, &route->endpoint)) return false;
    if (!get_choice(r, item, path, "class", classes, &class)) return false;
    if (!get_choice(r, item, path, "sticky", stickies, &sticky)) return false;
    route->sample = r->config->capture_sample;
    if (!get_share(r, item, path, "sample", &route->sample)) return false;
    if (!read_node_classes(r, item, path, route) || !read_route_limit(r, item, path, route)) return false;
    route->class = (enum route_class)class;
    route->sticky = (enum route_sticky)sticky;
    if (route->endpoint) return true;
    if (route->method_count != 1) {
        route->endpoint = route->pattern;
        return true;
    }
    char name[1100];
    int n = snprintf(name, sizeof name, "%s %s", route->methods[0], route->pattern);
    route->endpoint = arena_dup(&r->config->arena, (struct span){name, (size_t)n});
    return true;
}

static int by_endpoint(const void *a, const void *b) {
    const struct config_route *x = *(struct config_route *const *)a, *y = *(struct config_route *const *)b;
    int order = strcmp(x->endpoint, y->endpoint);
    return order ? order : (x > y) - (x < y);
}

static bool same_limit(const struct config_route *a, const struct config_route *b) {
    return a->rate.interval == b->rate.interval && a->rate.tolerance == b->rate.tolerance;
}

static bool same_classes(const struct config_route *a, const struct config_route *b) {
    if (a->class_count != b->class_count) return false;
    for (unsigned i = 0; i < a->class_count; i++)
        if (strcmp(a->node_classes[i], b->node_classes[i]) != 0) return false;
    return true;
}

static bool says_something(const struct config *c) {
    for (unsigned i = 0; i < c->route_count; i++)
        if (c->routes[i].class_count || c->routes[i].rate.interval || c->routes[i].sample != c->capture_sample) return true;
    return false;
}

/** Requests wait and are limited by endpoint: the routes of one must say the same of it. */
static bool check_endpoints(struct reader *r) {
    struct config *c = r->config;
    if (!says_something(c)) return true;
    struct config_route **sorted = base_alloc((c->route_count + 1) * sizeof *sorted);
    for (unsigned i = 0; i < c->route_count; i++) sorted[i] = &c->routes[i];
    qsort(sorted, c->route_count, sizeof *sorted, by_endpoint);
    bool ok = true;
    for (unsigned i = 1; i < c->route_count && ok; i++) {
        const struct config_route *a = sorted[i - 1], *b = sorted[i];
        if (strcmp(a->endpoint, b->endpoint) != 0 || (same_classes(a, b) && same_limit(a, b) && a->sample == b->sample)) continue;
        char path[64];
        snprintf(path, sizeof path, "routes[%u].%s", (unsigned)(b - c->routes), !same_classes(a, b) ? "nodeClasses" : same_limit(a, b) ? "sample" : "limit");
        ok = fail(r, path, "not as in routes[%u], which has the same endpoint", (unsigned)(a - c->routes));
    }
    free(sorted);
    return ok;
}

bool config_read_routes(struct reader *r, const struct json *root) {
    struct config *c = r->config;
    const struct json *item;
    if (!get_array(r, root, "routes", &c->route_count, &item)) return false;
    c->routes = arena_alloc(&c->arena, c->route_count * sizeof *c->routes);
    for (unsigned i = 0; item; item = item->next, i++) {
        char path[64];
        snprintf(path, sizeof path, "routes[%u]", i);
        if (!read_route(r, item, path, &c->routes[i])) return false;
    }
    return check_endpoints(r);
}
