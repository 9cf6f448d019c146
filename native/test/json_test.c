#include "test.h"

#include "../src/json.c"

static struct arena arena;
static struct json_error error;

static struct json *parse(const char *text) { return json_parse(&arena, text, strlen(text), &error); }

static void reads_values(void) {
    struct json *v = parse(" {\"a\" : [1, -2.5e3, true, null, \"x\\u00e9\\ud83d\\ude00\\n\"], \"b\":{}} ");
    CHECK(v && v->type == JSON_OBJECT && v->count == 2);
    struct json *a = v->first;
    CHECK(a->count == 5 && a->first->number == 1 && a->first->next->number == -2500);
    struct json *last = a->first->next->next->next->next;
    CHECK(span_eq(last->text, SPAN("x\xc3\xa9\xf0\x9f\x98\x80\n")));
    arena_free(&arena);
}

static void refuses_what_is_not_json(void) {
    static const char *const bad[] = {"", "{", "[", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "01", "1.", ".5", "+1", "1e", "1e999", "nul", "\"", "\"\\x\"", "\"\\u12\"",
                                      "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\x01\"", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
                                      "1 2", "{a:1}", "['a']", "// c\n1", "\xef\xbb\xbf" "1", "\"\\", "\"\\\"", "NaN", "-", "[1 2]", "{\"a\" 1}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) CHECK(!parse(bad[i]) && error.offset <= strlen(bad[i]) && error.message);
    arena_free(&arena);
}

static void bounds_depth(void) {
    char text[401];
    memset(text, '[', 200);
    memset(text + 200, ']', 200);
    text[400] = 0;
    CHECK(!parse(text) && strcmp(error.message, "nested too deeply") == 0);
    arena_free(&arena);
}

TEST_MAIN(reads_values, refuses_what_is_not_json, bounds_depth)
