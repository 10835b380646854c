/* Paths as names of resources: their one form, what is refused, and which exclude each other. */
#include "common/path_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
reads(const char *name, const char *as)
{
    char out[RESOURCE_NAME_ROOM];
    const char *wrong = resource_name_read(name, out);
    if (wrong) {
        fail_msg("%s: %s", name, wrong);
    }
    assert_string_equal(out, as);
    assert_null(resource_name_read(as, out)); /* its one form is itself */
    assert_string_equal(out, as);
}

static void
refuses(const char *name, const char *why)
{
    char out[RESOURCE_NAME_ROOM];
    const char *wrong = resource_name_read(name, out);
    if (!wrong) {
        fail_msg("%s was taken as %s", name, out);
    }
    assert_non_null(strstr(wrong, why));
}

static void
test_one_form(void **state)
{
    (void)state;
    reads("path:src/api/**", "path:src/api");
    reads("path:src/api/", "path:src/api");
    reads("path:src/api", "path:src/api");
    reads("path:a", "path:a");
    reads("path:a/**", "path:a");
    reads("path:**", "path:**");
    reads("path:app/[id]/(group)/My page.tsx", "path:app/[id]/(group)/My page.tsx");
    reads("path:.github/workflows/**", "path:.github/workflows");
    reads("path:src/é.c", "path:src/é.c");
    reads("path:a..b", "path:a..b");
    reads("db", "db");
    reads("repo/main", "repo/main");
}

static void
test_what_is_refused(void **state)
{
    (void)state;
    refuses("path:", "begins at the root");
    refuses("path:/", "begins at the root");
    refuses("path:/etc", "begins at the root");
    refuses("path:/**", "begins at the root");
    refuses("path:a//b", "begins at the root");
    refuses("path:a//**", "begins at the root");
    refuses("path:..", "'..'");
    refuses("path:a/../b", "'..'");
    refuses("path:./a", "'.'");
    refuses("path:a/.", "'.'");
    refuses("path:*", "literally");
    refuses("path:src/*.c", "literally");
    refuses("path:src/**/x", "literally");
    refuses("path:a?", "literally");
    refuses("path:a\\b", "literally");
    refuses("path:a\x1b[0m", "control");
    refuses("path:a\nb", "control");
    refuses("path:a\xff", "control");
    refuses("path:a\xe2\x80\xae", "invisible");
    refuses("a b", "not a name");
    char deep[200] = "path:a";
    for (int i = 1; i < PATH_DEPTH_MAX; i++) {
        strcat(deep, "/a");
    }
    reads(deep, deep);
    strcat(deep, "/a");
    refuses(deep, "too deep");
    char longest[PATH_NAME_BYTES_MAX + 2] = "path:";
    memset(longest + 5, 'x', PATH_NAME_BYTES_MAX - 5);
    reads(longest, longest);
    strcat(longest, "x");
    refuses(longest, "too long");
}

static void
test_who_meets_whom(void **state)
{
    (void)state;
    assert_true(path_names_meet("path:src", "path:src"));
    assert_true(path_names_meet("path:src", "path:src/api"));
    assert_true(path_names_meet("path:src/api/users.c", "path:src"));
    assert_true(path_names_meet("path:**", "path:a"));
    assert_true(path_names_meet("path:a", "path:**"));
    assert_false(path_names_meet("path:src/api", "path:src/apis"));
    assert_false(path_names_meet("path:src/a", "path:src/b"));
    assert_false(path_names_meet("path:**", "db"));
    assert_true(path_names_meet("db", "db"));
    assert_false(path_names_meet("db", "db/x"));
    assert_true(path_name_covers("path:src", "path:src/api"));
    assert_false(path_name_covers("path:src/api", "path:src"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_form),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_who_meets_whom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
