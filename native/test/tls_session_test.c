#include "test.h"

#include "../src/tls_session.c"

static unsigned made;

static void numbered(struct tls_session_key *key) {
    memset(key, 0, sizeof *key);
    key->name[0] = (unsigned char)++made;
}

static enum tls_session_use use(const struct tls_session_keys *k, unsigned number) {
    unsigned char name[16] = {(unsigned char)number};
    unsigned index;
    return tls_session_find(k, name, &index);
}

/** At any times of use: a key issues for less than one rotation, and opens nothing two rotations after it was made. */
static void keys_live_for_two_rotations(void) {
    uint64_t random = 11;
    for (int round = 0; round < 200; round++) {
        struct tls_session_keys k = {0};
        uint64_t now = 1, rotation = 1 + test_random(&random) % 1000, born[4096] = {0};
        made = 0;
        for (int i = 0; i < 300; i++) {
            unsigned before = made;
            tls_session_rotate(&k, now, rotation, numbered);
            CHECK(made <= before + 1 && k.keys[0].name[0] == (unsigned char)made);
            if (made > before) born[made % 256] = now;
            CHECK(now - k.keys[0].made < rotation);
            CHECK(use(&k, made % 256) == TLS_SESSION_ACCEPT);
            for (unsigned age = 1; age < 4 && age < made && made < 250; age++)
                if (now - born[made - age] >= 2 * rotation) CHECK(use(&k, made - age) == TLS_SESSION_REFUSE);
            if (made > 1 && made < 250 && k.keys[1].made) CHECK(use(&k, made - 1) == TLS_SESSION_RENEW);
            now += test_random(&random) % (rotation * 2);
        }
    }
}

static void unknown_names_are_refused(void) {
    struct tls_session_keys k = {0};
    CHECK(use(&k, 0) == TLS_SESSION_REFUSE);
    made = 0;
    tls_session_rotate(&k, 5, 10, numbered);
    CHECK(use(&k, 0) == TLS_SESSION_REFUSE && use(&k, 2) == TLS_SESSION_REFUSE && use(&k, 1) == TLS_SESSION_ACCEPT);
}

TEST_MAIN(keys_live_for_two_rotations, unknown_names_are_refused)
