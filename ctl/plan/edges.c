/* Edge lists in columns parted by tabs.
 *
 * With a header line that names its columns: one task a line, its dependencies in one column,
 * parted by commas. Without: lines TASK<tab>DEPENDS-ON, where every name that stands anywhere is a
 * task. */
#include "common/limits.h"
#include "common/text.h"
#include "common/words.h"
#include "ctl/plan/inner.h"

#include <string.h>

enum column { NO_COLUMN, TASK, AFTER, TITLE, ROLE, PRIORITY, N_COLUMNS };

/* A file being read. */
struct table {
    struct plan *plan;
    struct source *source;
    struct place at;
    enum column columns[PLAN_COLUMNS_MAX];
    size_t n_columns;
};

static enum column
column_of(const char *name)
{
    static const struct {
        const char *name;
        enum column column;
    } names[] = {
        {"task", TASK},  {"id", TASK},           {"depends_on", AFTER}, {"dependencies", AFTER},
        {"deps", AFTER}, {"after", AFTER},       {"title", TITLE},      {"role", ROLE},
        {"agent", ROLE}, {"priority", PRIORITY},
    };
    size_t bytes = strcspn(name, " (");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strlen(names[i].name) == bytes && strncmp(names[i].name, name, bytes) == 0) {
            return names[i].column;
        }
    }
    return NO_COLUMN;
}

/* Takes the first line as a header if it is one. `line` is cut up then. */
static bool
read_header(struct table *table, char *line)
{
    char *rest = line + strspn(line, "# ");
    bool has[N_COLUMNS] = {0};
    size_t n = 0;
    char *copy = arena_strdup(&table->plan->arena, rest);
    for (char *name; n < PLAN_COLUMNS_MAX && (name = strsep(&copy, "\t"));) {
        enum column column = column_of(name);
        table->columns[n++] = has[column] ? NO_COLUMN : column;
        has[column] = true;
    }
    if (!has[TASK] || !has[AFTER]) {
        table->n_columns = 0;
        return false;
    }
    table->n_columns = n;
    return true;
}

static const char *
read_id(struct table *table, const char *text)
{
    const char *id = foreign_id(table->plan, text);
    if (!id) {
        plan_fail(table->plan, table->at, "%s can't be made an id", quote(table->plan, text));
    }
    return id;
}

static void
read_after(struct table *table, struct draft *draft, char *list)
{
    for (char *item; (item = strsep(&list, ","));) {
        item += strspn(item, " ");
        size_t n = strlen(item);
        while (n && item[n - 1] == ' ') {
            item[--n] = 0;
        }
        const char *id = n ? read_id(table, item) : NULL;
        if (id) {
            draft_after(table->plan, draft, table->at.line, (struct baton_edge){.id = id});
        }
    }
}

static struct draft *
make_task(struct table *table, const char *text)
{
    const char *id = read_id(table, text);
    if (!id) {
        return NULL;
    }
    struct draft *draft = draft_new(table->plan, table->at,
                                    source_project(table->plan, table->source), id);
    if (draft && strcmp(id, text) != 0) {
        draft->spec->title = foreign_title(table->plan, text);
    }
    return draft;
}

static void
set_column(struct table *table, struct draft *draft, enum column column, char *text)
{
    struct plan *plan = table->plan;
    if (!*text) {
        return;
    }
    if (column == AFTER) {
        read_after(table, draft, text);
    } else if (column == TITLE) {
        draft->spec->title = foreign_title(plan, text);
    } else if (column == ROLE) {
        int role = role_number_loose(text);
        if (role < 0) {
            plan_fail(plan, table->at, "unknown role %s%s", quote(plan, text),
                      did_you_mean(plan, text, role_names));
        }
        draft->spec->role = role_names[MAX(role, 0)];
    } else if (column == PRIORITY) {
        int n = priority_number(text);
        if (n < 0) {
            plan_fail(plan, table->at, "unknown priority %s; write critical, high, medium or low",
                      quote(plan, text));
        }
        draft->spec->priority = (baton_priority)MAX(n, 0);
    }
}

static void
read_row(struct table *table, char *line)
{
    char *cells[PLAN_COLUMNS_MAX] = {0};
    char *task = NULL;
    for (size_t i = 0; i < table->n_columns && line; i++) {
        cells[i] = strsep(&line, "\t");
        if (table->columns[i] == TASK) {
            task = cells[i];
        }
    }
    struct draft *draft = task ? make_task(table, task) : NULL;
    if (!task) {
        plan_fail(table->plan, table->at, "the line has too few columns");
    }
    if (!draft) {
        return;
    }
    for (size_t i = 0; i < table->n_columns; i++) {
        if (cells[i]) {
            set_column(table, draft, table->columns[i], cells[i]);
        }
    }
    draft_role(table->plan, draft);
}

/* The number of a task that may have been named before; -1: reported. */
static ptrdiff_t
name_task(struct table *table, const char *text)
{
    const char *id = read_id(table, text);
    if (!id) {
        return -1;
    }
    ptrdiff_t n = draft_find(table->plan, source_project(table->plan, table->source), id);
    if (n >= 0) {
        return n;
    }
    struct draft *draft = make_task(table, text);
    if (draft) {
        draft_role(table->plan, draft);
    }
    return draft ? draft - table->plan->drafts : -1;
}

static void
read_pair(struct table *table, char *line)
{
    const char *task = strsep(&line, "\t");
    const char *target = line ? strsep(&line, "\t") : NULL;
    if (line) {
        plan_fail(table->plan, table->at,
                  "two columns are wanted, TASK and what it depends on; or "
                  "begin with a header line that names task and "
                  "depends_on");
        return;
    }
    ptrdiff_t from = name_task(table, task);
    ptrdiff_t to = target && *target ? name_task(table, target) : -1;
    if (from >= 0 && to >= 0) {
        draft_after(table->plan, &table->plan->drafts[from], table->at.line,
                    (struct baton_edge){.id = table->plan->drafts[to].spec->id});
    }
}

void
edges_read(struct plan *plan, struct source *source)
{
    size_t first = plan->n_drafts;
    struct table table = {.plan = plan, .source = source, .at = {source->at.file, 1}};
    char *rest = arena_memdup(&plan->arena, source->text, source->bytes + 1);
    bool begun = false;
    for (char *line; (line = strsep(&rest, "\n")); table.at.line++) {
        size_t n = strlen(line);
        if (n > PLAN_LINE_BYTES_MAX) {
            plan_fail(plan, table.at, "the line is longer than 1 MiB");
            continue;
        }
        if (n && line[n - 1] == '\r') {
            line[--n] = 0;
        }
        if (n == 0) {
            continue;
        }
        bool is_header = !begun && read_header(&table, line);
        begun = true;
        if (is_header || *line == '#') {
            continue;
        }
        if (table.n_columns) {
            read_row(&table, line);
        } else {
            read_pair(&table, line);
        }
    }
    foreign_settle(plan, source, first, foreign_dangling(plan, DANGLING_WAIT));
}
