/* Files that an option names. */
#ifndef BATON_CTL_FILE_H
#define BATON_CTL_FILE_H

#include "ctl/verbs.h"

/* The content of a file ("-": standard input) with a NUL behind it, at most `bytes_max`; the
 * caller's, freed with free. NULL: reported. */
char *ctl_read_file(struct ctl *ctl, const char *path, size_t bytes_max, size_t *ret_bytes);

#endif
