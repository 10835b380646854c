-- The tables of a Baton store, formats 1 to 4. docs/store.md says what each column means, to the byte.
-- The text is part of the format: what a store holds is compared with it, word by word, when it is opened.

CREATE TABLE meta(
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    crc INTEGER NOT NULL
) STRICT;

-- One row a batch. `facts` stands last, so that the small columns are read without it.
CREATE TABLE journal(
    seq INTEGER NOT NULL PRIMARY KEY,
    n INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    facts BLOB NOT NULL
) STRICT;

-- Where the sequence was allowed to jump: at the first batch after a restore.
CREATE TABLE jump(
    seq INTEGER NOT NULL PRIMARY KEY,
    after INTEGER NOT NULL,
    crc INTEGER NOT NULL
) STRICT;

-- id is generation * 2^32 + number of the chunk.
CREATE TABLE snapshot(
    id INTEGER NOT NULL PRIMARY KEY,
    crc INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

-- A record a row, in stores that were made with format 3 or an older one. Nothing is added any more.
CREATE TABLE archive(
    key INTEGER NOT NULL PRIMARY KEY,
    crc INTEGER NOT NULL,
    record BLOB NOT NULL
) STRICT;

-- Of format 3; behind the others, since older stores are given it when they are started.
CREATE TABLE archive_card(
    key INTEGER NOT NULL PRIMARY KEY,
    crc INTEGER NOT NULL,
    record BLOB NOT NULL
) STRICT;

-- Of format 4: many records a row, from key `first` to key `last`.
CREATE TABLE archive_run(
    first INTEGER NOT NULL PRIMARY KEY,
    last INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    records BLOB NOT NULL
) STRICT;
