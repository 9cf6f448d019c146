#include "mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox mailbox_control;

void mailbox_init(struct mailbox *m) {
    *m = (struct mailbox){.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    BUG_ON(m->event < 0);
    pthread_mutex_init(&m->lock, NULL);
    m->last = &m->first;
}

void mailbox_post(struct mailbox *m, struct parcel *parcels) {
    struct parcel *end = parcels;
    while (end->next) end = end->next;
    pthread_mutex_lock(&m->lock);
    *m->last = parcels;
    m->last = &end->next;
    bool wake = !m->woken;
    m->woken = true;
    pthread_mutex_unlock(&m->lock);
    uint64_t one = 1;
    if (wake) BUG_ON(write(m->event, &one, sizeof one) != sizeof one);
}

struct parcel *mailbox_take(struct mailbox *m) {
    uint64_t ignored;
    ssize_t n = read(m->event, &ignored, sizeof ignored);
    (void)n;
    pthread_mutex_lock(&m->lock);
    struct parcel *first = m->first;
    m->first = NULL;
    m->last = &m->first;
    m->woken = false;
    pthread_mutex_unlock(&m->lock);
    return first;
}
