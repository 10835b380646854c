/* baton schema: the tables and views that batond makes in PostgreSQL, as it makes them. */
#include "ctl/verbs.h"

#include "export_sql.h"

static const struct option options[] = {{0}};

int
verb_schema(struct ctl *ctl, int argc, char **argv)
{
    if (ctl_getopt(ctl, argc, argv, "", options) != -1) {
        return ctl->status;
    }
    if (argc != optind) {
        return ctl_usage(ctl, "it takes no names: the schema is always shown as a whole");
    }
    json_t *versions = json_array();
    for (size_t i = 0; i < export_sql_n; i++) {
        if (!ctl->json) {
            ctl_print(ctl, "%s-- %s\n%s", i ? "\n" : "", export_sql[i].name, export_sql[i].text);
            continue;
        }
        json_t *version = json_object();
        json_object_set_new(version, "version", json_integer(export_sql[i].version));
        json_object_set_new(version, "name", json_string(export_sql[i].name));
        json_object_set_new(version, "sql", json_string(export_sql[i].text));
        json_array_append_new(versions, version);
    }
    if (ctl->json) {
        json_t *object = json_object();
        json_object_set(object, "versions", versions);
        ctl_print_json(ctl, object);
    }
    json_decref(versions);
    return CTL_YES;
}
