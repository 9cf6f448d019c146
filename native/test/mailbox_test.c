#include "test.h"

#include <poll.h>
#include <unistd.h>

#include "../src/mailbox.c"

#define POSTERS 4u
#define EACH 20000u

static bool rings(const struct mailbox *m) { return poll(&(struct pollfd){m->event, POLLIN, 0}, 1, 0) == 1; }

static void all_that_was_posted_is_taken_in_order_and_it_rings_until_then(void) {
    struct mailbox m;
    struct parcel a = {0}, b = {0}, c = {0};
    mailbox_init(&m);
    CHECK(!rings(&m) && !mailbox_take(&m));
    a.next = &b;
    mailbox_post(&m, &a);
    mailbox_post(&m, &c);
    CHECK(rings(&m));
    CHECK(mailbox_take(&m) == &a && a.next == &b && b.next == &c && !c.next && !rings(&m) && !mailbox_take(&m));
    c.next = NULL;
    mailbox_post(&m, &c);
    CHECK(rings(&m) && mailbox_take(&m) == &c);
    close(m.event);
}

static struct mailbox shared;

static void *post_many(void *data) {
    struct parcel *parcels = data;
    for (unsigned i = 0; i < EACH; i++) mailbox_post(&shared, &parcels[i]);
    return NULL;
}

/** Whoever sleeps until it rings misses nothing, and each poster's parcels come in their order. */
static void no_parcel_and_no_ring_is_lost_between_threads(void) {
    static struct parcel parcels[POSTERS][EACH];
    pthread_t threads[POSTERS];
    unsigned next[POSTERS] = {0}, got = 0;
    mailbox_init(&shared);
    for (unsigned t = 0; t < POSTERS; t++) {
        for (unsigned i = 0; i < EACH; i++) parcels[t][i].data_size = t, parcels[t][i].exchanges = i;
        CHECK(pthread_create(&threads[t], NULL, post_many, parcels[t]) == 0);
    }
    while (got < POSTERS * EACH) {
        CHECK(poll(&(struct pollfd){shared.event, POLLIN, 0}, 1, -1) == 1);
        for (struct parcel *p = mailbox_take(&shared); p; p = p->next, got++) CHECK(p->exchanges == next[p->data_size]++);
    }
    for (unsigned t = 0; t < POSTERS; t++) pthread_join(threads[t], NULL);
    CHECK(!mailbox_take(&shared));
    close(shared.event);
}

TEST_MAIN(all_that_was_posted_is_taken_in_order_and_it_rings_until_then, no_parcel_and_no_ring_is_lost_between_threads)
