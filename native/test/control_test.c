#include "test.h"

#include "../src/control.c"

#include "fixture.h"

static struct control control;
static char folder[64], path[96];

static void begin(void) {
    control = (struct control){.current = fixture_snapshot("\"nodes\":[{\"name\":\"a\",\"address\":\"127.0.0.1\",\"port\":1}]")};
    loop_init(&control.loop);
    list_init(&control.peers);
    list_init(&control.dead);
    snprintf(folder, sizeof folder, "/tmp/dharma-control-XXXXXX");
    CHECK(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
}

static void end(void) {
    snapshot_unref(control.current);
    loop_close(&control.loop);
    unlink(path);
    CHECK(rmdir(folder) == 0);
}

static uint64_t publish(const char *more, struct config_error *error) {
    char text[512];
    snprintf(text, sizeof text, "{\"listen\":[{\"address\":\"127.0.0.1\",\"port\":0}]%s}", more);
    struct config *c = config_parse(text, strlen(text), error);
    return c ? control_publish(&control, c, 9, error) : 0;
}

static void a_config_is_in_force_as_a_whole_or_not_at_all(void) {
    struct config_error error;
    begin();
    const struct snapshot *old = control.current;
    CHECK(publish(",\"workers\":2", &error) == 0 && strcmp(error.path, "workers") == 0 && control.current == old);
    CHECK(publish(",\"routes\":[{\"pattern\":\"/a/:b\"},{\"pattern\":\"/a/:c\"}]", &error) == 0 && *error.path && control.current == old);
    CHECK(publish(",\"tls\":{\"certificates\":[{\"certificate\":\"/no/file\",\"key\":\"/no/file\"}]}", &error) == 0 && *error.path && control.current == old);
    uint64_t serial = publish(",\"nodes\":[]", &error);
    CHECK(serial > 1 && control.current->serial == serial && control.current->node_count == 0 && control.current->generation == 9);
    // Without workers that have yet to take it.
    CHECK(control_in_force(&control, serial));
    end();
}

static void one_proxy_has_a_control_socket_and_a_dead_ones_is_taken(void) {
    char why[256];
    struct stat st;
    begin();
    CHECK(control_open(&control, path, why, sizeof why));
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    struct control other = {0};
    CHECK(!control_open(&other, path, why, sizeof why) && strstr(why, "another proxy"));
    close(control.listener.fd);
    CHECK(control_open(&other, path, why, sizeof why));
    close(other.listener.fd);
    CHECK(!control_open(&other, "/no/such/folder/socket", why, sizeof why) && strstr(why, "No such file"));
    end();
}

/** What is recorded before the subscriber has come is the first one's, and gone when nobody comes. */
static void what_is_kept_for_a_subscriber_is_given_up_when_none_comes(void) {
    begin();
    control_await_subscriber(&control);
    CHECK(control.capture_wanted);
    for (unsigned i = 0; i < 40; i++) {
        struct parcel *p = base_zalloc(sizeof *p);
        *p = (struct parcel){.kind = PARCEL_EXCHANGES, .size = 1, .data = base_zalloc(1), .data_size = 1, .refs = 1};
        tee_held++;
        keep(&control, p);
        peer_parcel_unref(p);
    }
    CHECK(control.kept_count == 40 && tee_held == 40);
    end_await(&control, NULL);
    control_subscriptions_changed(&control);
    CHECK(!control.kept_count && tee_held == 0 && !control.capture_wanted);
    end();
}

TEST_MAIN(a_config_is_in_force_as_a_whole_or_not_at_all, one_proxy_has_a_control_socket_and_a_dead_ones_is_taken, what_is_kept_for_a_subscriber_is_given_up_when_none_comes)
