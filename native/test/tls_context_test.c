#include "test.h"

#include "../src/tls_context.c"

#include <sys/stat.h>

#define FIXTURES "../test/native/fixtures/tls/"

static char folder[] = "/tmp/dharma-tls-test-XXXXXX";

/** A private copy of a fixture's key; git keeps no modes. */
static const char *key_of(const char *name, mode_t mode) {
    static char path[8][128];
    static unsigned next;
    char from[128], text[4096];
    char *to = path[next++ % 8];
    snprintf(from, sizeof from, FIXTURES "%s.key", name);
    snprintf(to, 128, "%s/%s-%o", folder, name, (unsigned)mode);
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    CHECK(in && out);
    size_t n = fread(text, 1, sizeof text, in);
    CHECK(n > 0 && fwrite(text, 1, n, out) == n);
    fclose(in);
    fclose(out);
    CHECK(chmod(to, mode) == 0);
    return to;
}

static void remove_folder(void) {
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
}

static void finds_the_certificate_for_a_name(void) {
    struct config_certificate list[] = {{FIXTURES "a.pem", key_of("a", 0600)}, {FIXTURES "b.pem", key_of("b", 0600)}, {FIXTURES "a2.pem", key_of("a2", 0600)}};
    struct config c = {.tls = {.certificate_count = 3, .certificates = list, .ticket_rotation = 1000000000u}};
    struct config_error error = {0};
    struct tls_context *t = tls_context_new(&c, &error);
    CHECK(t && t->server_count == 3 && !t->client);
    CHECK(tls_context_find(t, "a.test") == 0 && tls_context_find(t, "b.test") == 1 && tls_context_find(t, "B.TEST.") == 1);
    CHECK(tls_context_find(t, "x.w.test") == 0 && tls_context_find(t, "LocalHost") == 1);
    CHECK(tls_context_find(t, "unknown.test") == 0 && tls_context_find(t, "") == 0 && tls_context_find(t, "*") == 0);
    char longest[600];
    memset(longest, 'b', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    CHECK(tls_context_find(t, longest) == 0);
    unsigned index = 7;
    CHECK(find_name(t, "*.w.test", &index) && index == 0 && !find_name(t, "y.x.w.test", &index));
    tls_context_unref(t);
}

static void names_the_key_at_fault(void) {
    struct {
        struct config_certificate pair;
        const char *path;
    } cases[] = {
        {{FIXTURES "absent.pem", key_of("a", 0600)}, "tls.certificates[0].certificate"},
        {{FIXTURES "README.md", key_of("a", 0600)}, "tls.certificates[0].certificate"},
        {{FIXTURES "a.pem", "/absent.key"}, "tls.certificates[0].key"},
        {{FIXTURES "a.pem", key_of("a", 0644)}, "tls.certificates[0].key"},
        {{FIXTURES "a.pem", key_of("a", 0660)}, "tls.certificates[0].key"},
        {{FIXTURES "a.pem", key_of("b", 0600)}, "tls.certificates[0].key"},
        {{FIXTURES "a.pem", FIXTURES}, "tls.certificates[0].key"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config c = {.tls = {.certificate_count = 1, .certificates = &cases[i].pair, .ticket_rotation = 1000000000u}};
        struct config_error error = {0};
        CHECK(!tls_context_new(&c, &error));
        CHECK(strcmp(error.path, cases[i].path) == 0 && error.message[0]);
    }
}

/** A pooled connection is not used again once the node would be verified otherwise. */
static void tells_verifications_apart(void) {
    struct config_node plain = {.address = "127.0.0.1"}, by_address = {.address = "127.0.0.1", .tls = true};
    struct config_node by_name = {.address = "127.0.0.1", .tls = true, .server_name = "node.test"};
    struct config_node nodes[] = {by_name};
    struct config one = {.node_count = 1, .nodes = nodes, .upstream_tls = {.ca = FIXTURES "ca.pem"}};
    struct config other = {.node_count = 1, .nodes = nodes, .upstream_tls = {.ca = FIXTURES "other-ca.pem"}};
    struct config mutual = {.node_count = 1, .nodes = nodes, .upstream_tls = {.ca = FIXTURES "ca.pem", .certificate = {FIXTURES "client.pem", key_of("client", 0640)}}};
    struct config_error error = {0};
    struct tls_context *t[] = {tls_context_new(&one, &error), tls_context_new(&one, &error), tls_context_new(&other, &error), tls_context_new(&mutual, &error)};
    CHECK(t[0] && t[1] && t[2] && t[3]);
    CHECK(tls_context_identity(t[0], &plain) == 0 && tls_context_identity(t[0], &by_name) != 0);
    CHECK(tls_context_identity(t[0], &by_name) != tls_context_identity(t[0], &by_address));
    CHECK(tls_context_identity(t[0], &by_name) == tls_context_identity(t[1], &by_name));
    CHECK(tls_context_identity(t[0], &by_name) != tls_context_identity(t[2], &by_name));
    CHECK(tls_context_identity(t[0], &by_name) != tls_context_identity(t[3], &by_name));
    for (unsigned i = 0; i < COUNT_OF(t); i++) tls_context_unref(t[i]);
}

static void makes_folder(void) { CHECK(mkdtemp(folder) != NULL); }

TEST_MAIN(makes_folder, finds_the_certificate_for_a_name, names_the_key_at_fault, tells_verifications_apart, remove_folder)
