#include "test.h"

#include "../src/config.c"

static struct config *parse(const char *text, struct config_error *error) { return config_parse(text, strlen(text), error); }

static void what_is_not_said_has_its_default(void) {
    struct config_error error;
    struct config *c = parse("{\"listen\":[{\"address\":\"::1\",\"port\":0}]}", &error);
    CHECK(c && c->workers == 1 && c->limits.header_bytes == 65536 && c->limits.min_rate == 240 && c->limits.queue_timeout == 5000 * MS && c->eject && c->exchange_trusted && !c->capture);
    CHECK(c->capture_sample == 1 && !c->cache.memory_bytes && strcmp(c->sticky_cookie, "dharma-node") == 0 && c->drain_timeout == 10000 * MS && !c->control && c->node_count == 0);
    config_free(c);
}

/** Every error names its path, and a document is taken whole or not at all. */
static void an_error_names_its_path(void) {
    static const struct {
        const char *members, *path;
    } bad[] = {
        {"\"workers\":0", "workers"}, {"\"nodes\":[{\"name\":\"a\",\"address\":\"127.0.0.1\",\"port\":1},{\"name\":\"a\",\"address\":\"127.0.0.1\",\"port\":2}]", "nodes[1].name"},
        {"\"limits\":{\"client\":{\"burst\":3}}", "limits.client.burst"}, {"\"health\":{\"path\":\"x\"}", "health.path"}, {"\"exchangeHeader\":\"Host\"", "exchangeHeader"},
        {"\"capture\":{\"sample\":-0.1}", "capture.sample"}, {"\"routes\":[{\"pattern\":\"/\",\"sample\":2}]", "routes[0].sample"},
        {"\"nodes\":[{\"name\":\"a\",\"address\":\"127.0.0.1\",\"port\":1,\"weight\":0}]", "nodes[0].weight"}, {"\"stickyCookie\":\"a b\"", "stickyCookie"}, {"\"control\":\"x\"", "control"},
        {"\"balance\":{\"slowStart\":-1}", "balance.slowStart"}, {"\"trusted\":[\"10.0.0.0/33\"]", "trusted[0]"}, {"\"telemetry\":{\"interval\":1.5}", "telemetry.interval"},
    };
    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        char text[1024];
        struct config_error error;
        snprintf(text, sizeof text, "{\"listen\":[{\"address\":\"127.0.0.1\",\"port\":0}],%s}", bad[i].members);
        CHECK(!parse(text, &error));
        if (strcmp(error.path, bad[i].path) != 0) fprintf(stderr, "%s, not %s\n", error.path, bad[i].path);
        CHECK(strcmp(error.path, bad[i].path) == 0 && *error.message);
    }
}

static void a_syntax_error_has_line_and_column(void) {
    struct config_error error;
    CHECK(!parse("{\n \"listen\": [}", &error) && !*error.path && strstr(error.message, "line 2, column 13"));
    CHECK(!parse("", &error) && !config_load("/nowhere/at/all", &error) && strstr(error.message, "cannot read"));
}

static bool may_replace(const char *old_members, const char *members, const char *path) {
    char text[1024];
    struct config_error error;
    snprintf(text, sizeof text, "{\"listen\":[{\"address\":\"127.0.0.1\",\"port\":1}],%s}", old_members);
    struct config *old = parse(text, &error);
    snprintf(text, sizeof text, "{\"listen\":[{\"address\":\"127.0.0.1\",\"port\":%d}],%s}", strcmp(path, "listen[0]") == 0 ? 2 : 1, members);
    struct config *next = parse(text, &error);
    CHECK(old && next);
    bool may = config_may_replace(old, next, &error);
    if (!may) CHECK(strcmp(error.path, path) == 0);
    config_free(old);
    config_free(next);
    return may;
}

static void what_is_fixed_while_it_runs_is_refused(void) {
    CHECK(may_replace("\"workers\":1", "\"workers\":1,\"nodes\":[]", ""));
    CHECK(!may_replace("\"workers\":1", "\"workers\":2", "workers") && !may_replace("\"workers\":1", "\"workers\":1", "listen[0]"));
    CHECK(!may_replace("\"control\":\"/a\"", "\"control\":\"/b\"", "control") && !may_replace("\"control\":\"/a\"", "\"workers\":1", "control"));
    CHECK(!may_replace("\"cache\":{\"diskPath\":\"/a\"}", "\"cache\":{\"diskPath\":\"/b\"}", "cache.diskPath"));
    CHECK(!may_replace("\"cache\":{\"diskPath\":\"/a\"}", "\"cache\":{\"diskPath\":\"/a\",\"diskBytes\":2000000}", "cache.diskBytes"));
    CHECK(may_replace("\"cache\":{\"diskPath\":\"/a\"}", "\"cache\":{\"diskPath\":\"/a\",\"diskObjectBytes\":7,\"memoryBytes\":100000}", ""));
}

TEST_MAIN(what_is_not_said_has_its_default, an_error_names_its_path, a_syntax_error_has_line_and_column, what_is_fixed_while_it_runs_is_refused)
