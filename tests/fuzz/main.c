/* Replays inputs through a target without libFuzzer: files, and the files of folders, by name. */
#include "tests/fuzz/fuzz.h"

#include "common/alloc.h"
#include "common/buf.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INPUT_BYTES_MAX = 16 * 1024 * 1024, EXIT_NONE = 1, EXIT_UNREADABLE = 66 };

static size_t n_inputs;

static void
replay_file(int dir, const char *name)
{
    struct buf content = {0};
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0 && content.bytes < INPUT_BYTES_MAX) {
        n = read(fd, buf_reserve(&content, 65536), 65536);
        content.bytes += n > 0 ? (size_t)n : 0;
    }
    if (n < 0) {
        perror(name);
        exit(EXIT_UNREADABLE);
    }
    close(fd);
    /* Named first: when it aborts, this is the one. */
    fprintf(stderr, "replay: %s\n", name);
    /* Exactly as large as it is, so that a byte too far is seen. */
    size_t bytes = content.bytes;
    uint8_t *exact = xmemdup(content.data ? content.data : (const uint8_t *)"", bytes);
    buf_fini(&content);
    LLVMFuzzerTestOneInput(exact, bytes);
    free(exact);
    n_inputs++;
}

static int
is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void
replay_folder(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, is_visible, alphasort);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (n < 0 || dir < 0) {
        perror(path);
        exit(EXIT_UNREADABLE);
    }
    for (int i = 0; i < n; i++) {
        replay_file(dir, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    close(dir);
}

int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            replay_folder(argv[i]);
        } else {
            replay_file(AT_FDCWD, argv[i]);
        }
    }
    printf("%zu inputs\n", n_inputs);
    return n_inputs > 0 ? 0 : EXIT_NONE;
}
