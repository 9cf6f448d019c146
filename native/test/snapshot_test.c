#include "test.h"

#include "../src/snapshot.c"

#include "fixture.h"

static struct snapshot *build(const struct snapshot *old, const char *more) {
    char text[1024];
    struct config_error error;
    snprintf(text, sizeof text, "{\"listen\":[{\"address\":\"127.0.0.1\",\"port\":0}],%s}", more);
    struct config *c = config_parse(text, strlen(text), &error);
    CHECK(c);
    struct snapshot *s = snapshot_build(c, 1, old, &error);
    CHECK(s);
    return s;
}

#define NODE(name, port) "{\"name\":\"" name "\",\"address\":\"127.0.0.1\",\"port\":" port "}"

static unsigned endpoint_of(const struct snapshot *s, const char *name) {
    for (unsigned i = 0; i < s->endpoint_count; i++)
        if (strcmp(s->endpoints[i].account->name, name) == 0) return i;
    CHECK(false);
    return 0;
}

/** What an endpoint has learnt of a node that stays, stays, wherever both stand in the new config. */
static void a_reload_keeps_what_was_learnt_of_nodes_that_stay(void) {
    struct snapshot *a = fixture_snapshot("\"nodes\":[" NODE("x", "1") "," NODE("y", "2") "],\"routes\":[{\"pattern\":\"/b\"},{\"pattern\":\"/c\"}]");
    struct account_pair *pair = snapshot_pair(a, endpoint_of(a, "/b"), 1), *gone = snapshot_pair(a, endpoint_of(a, "/c"), 0);
    CHECK(pair != gone && pair == snapshot_pair(a, endpoint_of(a, "/b"), 1));
    struct snapshot *b = build(a, "\"nodes\":[" NODE("z", "3") "," NODE("y", "2") "],\"routes\":[{\"pattern\":\"/a\"},{\"pattern\":\"/b\"}]");
    CHECK(b->serial == a->serial + 1 && b->nodes[1].account == a->nodes[1].account && b->nodes[0].account != a->nodes[0].account);
    CHECK(snapshot_row(b, endpoint_of(b, "/b"))[1] == pair && !snapshot_row(b, endpoint_of(b, "/b"))[0] && !snapshot_row(b, endpoint_of(b, "/a"))[1]);
    snapshot_unref(a);
    CHECK(strcmp(pair->node->name, "y") == 0 && strcmp(pair->endpoint->name, "/b") == 0);
    // The same name at another address is another node.
    struct snapshot *c = build(b, "\"nodes\":[" NODE("y", "4") "]");
    CHECK(c->nodes[0].account != b->nodes[1].account);
    snapshot_unref(b);
    snapshot_unref(c);
}

static void routes_find_their_endpoint_and_what_it_says(void) {
    struct snapshot *s = fixture_snapshot("\"nodes\":[],\"capture\":{\"sample\":0.5},\"routes\":[{\"pattern\":\"/b\",\"endpoint\":\"e\",\"sample\":0},{\"pattern\":\"/a\"},{\"pattern\":\"/c\",\"endpoint\":\"e\",\"sample\":0}]");
    CHECK(s->endpoint_count == 3 && strcmp(s->endpoints[0].account->name, "*") == 0);
    CHECK(s->route_endpoint[0] == s->route_endpoint[2] && s->route_endpoint[0] == endpoint_of(s, "e") && s->route_endpoint[1] == endpoint_of(s, "/a"));
    CHECK(s->endpoints[endpoint_of(s, "e")].sample == 0 && s->endpoints[0].sample == UINT64_C(1) << 63 && s->endpoints[endpoint_of(s, "/a")].sample == UINT64_C(1) << 63);
    snapshot_unref(s);
}

static void a_measured_cap_holds_nobody(void) {
    struct snapshot *s = fixture_snapshot("\"nodes\":[{\"name\":\"m\",\"address\":\"127.0.0.1\",\"port\":9,\"maxRequests\":3,\"state\":\"drain\",\"weight\":4}],\"limits\":{\"measure\":true}");
    CHECK(s->nodes[0].account->capacity == 0 && s->nodes[0].measured == 3 && !s->nodes[0].active && s->nodes[0].share == 0.25);
    snapshot_unref(s);
}

TEST_MAIN(a_reload_keeps_what_was_learnt_of_nodes_that_stay, routes_find_their_endpoint_and_what_it_says, a_measured_cap_holds_nobody)
