#include "test.h"

#include "../src/route.c"

static struct config *config;
static struct route_trie *trie;

static void load(const char *routes) {
    char text[4096];
    struct config_error error;
    int n = snprintf(text, sizeof text, "{\"listen\":[{\"address\":\"127.0.0.1\",\"port\":0}],\"routes\":[%s]}", routes);
    config = config_parse(text, (size_t)n, &error);
    CHECK(config);
    trie = route_build(config, &error);
    CHECK(trie);
}

static void unload(void) {
    route_free(trie);
    config_free(config);
}

static int find(const char *method, const char *target) { return route_find(trie, span_of(method), span_of(target)); }

static void the_most_literal_wins(void) {
    load("{\"pattern\":\"/*all\"},{\"pattern\":\"/a/:b\"},{\"pattern\":\"/a/b\"},{\"pattern\":\"/a/*rest\"},{\"pattern\":\"/\"}");
    CHECK(find("GET", "/a/b") == 2 && find("GET", "/a/c") == 1 && find("GET", "/a/c/d") == 3 && find("GET", "/x/y") == 0 && find("GET", "/") == 4);
    CHECK(find("GET", "/a/b?c/d") == 2 && find("GET", "/a/") == 3 && find("GET", "/a") == 0 && find("GET", "*") == -1);
    unload();
}

static void a_dead_end_is_left_again(void) {
    load("{\"pattern\":\"/a/b/c\"},{\"pattern\":\"/:x/b/d\"},{\"pattern\":\"/a/:y/e\"}");
    CHECK(find("GET", "/a/b/c") == 0 && find("GET", "/a/b/d") == 1 && find("GET", "/a/b/e") == 2 && find("GET", "/a/b/f") == -1);
    unload();
}

static void methods_choose(void) {
    load("{\"pattern\":\"/a\"},{\"pattern\":\"/a\",\"methods\":[\"GET\"]},{\"pattern\":\"/b\",\"methods\":[\"GET\"]},{\"pattern\":\"/b\",\"methods\":[\"HEAD\"]},"
         "{\"pattern\":\"/:c\",\"methods\":[\"PUT\"]}");
    CHECK(find("GET", "/a") == 1 && find("HEAD", "/a") == 1 && find("POST", "/a") == 0);
    CHECK(find("HEAD", "/b") == 3 && find("PUT", "/b") == 4 && find("POST", "/b") == -1 && find("get", "/b") == -1);
    unload();
}

static void ten_thousand_routes(void) {
    struct arena arena = {0};
    size_t cap = 1 << 20, n = 0;
    char *text = base_alloc(cap), path[64];
    struct config_error error;
    n += (size_t)snprintf(text, cap, "{\"listen\":[{\"address\":\"127.0.0.1\",\"port\":0}],\"routes\":[");
    for (int i = 0; i < 10000; i++) n += (size_t)snprintf(text + n, cap - n, "%s{\"pattern\":\"/r%d/:id/x%d\"}", i ? "," : "", i, i % 7);
    n += (size_t)snprintf(text + n, cap - n, "]}");
    config = config_parse(text, n, &error);
    CHECK(config && (trie = route_build(config, &error)));
    for (int i = 0; i < 10000; i++) {
        snprintf(path, sizeof path, "/r%d/abc/x%d", i, i % 7);
        CHECK(find("GET", path) == i);
    }
    unload();
    free(text);
    arena_free(&arena);
}

TEST_MAIN(the_most_literal_wins, a_dead_end_is_left_again, methods_choose, ten_thousand_routes)
