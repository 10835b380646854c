-- What batond writes: facts of its journal as rows. Numbers of tasks, attempts, cards and workers are sequence numbers
-- of the journal, unique for ever. `position` moves in the transaction that writes the rows, so each fact is in here
-- once. All times are the broker's. Readers should use the views.

CREATE TABLE baton.position (
    one boolean PRIMARY KEY DEFAULT true CHECK (one), -- a schema holds the rows of one store
    store_id text NOT NULL,
    seq bigint NOT NULL,                              -- the newest fact whose rows are here
    loading boolean NOT NULL DEFAULT false,           -- rows are being made of a snapshot; seq does not count
    at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE baton.worker (
    number bigint PRIMARY KEY,
    name text NOT NULL
);

-- One row a task. Updates touch no indexed column and find room in the page.
CREATE TABLE baton.task (
    key bigint PRIMARY KEY,
    project text NOT NULL,
    id text NOT NULL,
    role text,                         -- NULL: a milestone
    title text,
    priority text NOT NULL,
    labels jsonb,
    parent bigint,                     -- key of the task whose agent added it
    actor text NOT NULL,               -- who added it
    estimate_ms bigint,
    deadline timestamptz,
    created_at timestamptz NOT NULL,
    state text NOT NULL,               -- open, done, failed, cancelled, aborted, expired
    reason text,
    reason_text text,
    ended_at timestamptz,
    at_risk_at timestamptz,            -- when it was told
    late_at timestamptz,
    revivals integer NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX task_by_id ON baton.task (project, id);
CREATE INDEX task_by_created_at ON baton.task USING brin (created_at);

-- One row a lease: from its beginning to its end.
CREATE TABLE baton.attempt (
    task bigint NOT NULL,
    token bigint NOT NULL,
    worker bigint,                     -- number
    leased_at timestamptz,
    waited_ms bigint,                  -- from ready to leased
    started_at timestamptz,
    ended_at timestamptz,
    outcome text,
    counted boolean,                   -- as a failure
    lost boolean,                      -- with its worker
    exit_status integer,
    summary text,
    runtime_ms bigint,                 -- as the worker measured it
    output_bytes bigint,
    PRIMARY KEY (task, token)
) WITH (fillfactor = 80);
CREATE INDEX attempt_by_leased_at ON baton.attempt USING brin (leased_at);

-- What agents measured: the latest value of a name in an attempt.
CREATE TABLE baton.measure (
    task bigint NOT NULL,
    token bigint NOT NULL,
    name text NOT NULL,
    value double precision NOT NULL,
    unit text,
    at timestamptz NOT NULL,
    PRIMARY KEY (task, token, name)
);

-- Handoffs, blockers, decisions, incidents and all other kinds: the card as it is now.
CREATE TABLE baton.card (
    number bigint PRIMARY KEY,
    kind text NOT NULL,
    project text NOT NULL,
    name text,
    state text NOT NULL,
    title text,
    text text,
    task text,                         -- id, in the project
    role text,
    to_role text,
    owner text,
    severity integer,                  -- 1 to 4: P0 to P3
    raised_by text,
    created_at timestamptz NOT NULL,
    changed_at timestamptz,
    due_at timestamptz,
    ended_at timestamptz,
    rung integer NOT NULL,             -- how often its clock rang
    token bigint,                      -- the lease under which it was made
    outcome text,
    ended_by text,
    items jsonb,
    removed_at timestamptz             -- rules: not in force any more; others: it left the board
);
CREATE INDEX card_by_kind ON baton.card (kind, project, created_at);

-- The queue as it stood at a moment, a row a role. role '': milestones.
CREATE TABLE baton.sample (
    at timestamptz NOT NULL,
    role text NOT NULL,
    waiting bigint NOT NULL,
    ready bigint NOT NULL,
    running bigint NOT NULL,
    done bigint NOT NULL,
    failed bigint NOT NULL,
    cancelled bigint NOT NULL,
    workers bigint NOT NULL,
    slots bigint NOT NULL,
    credit bigint NOT NULL,
    oldest_ready_ms bigint,            -- how long the oldest ready task has waited
    PRIMARY KEY (at, role)
);

-- Only samples: the other rows are found by number, and a hypertable must have the time in its key. The extension's
-- functions are in whatever schema it was made in.
DO $$
DECLARE
    home text := (SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'timescaledb');
BEGIN
    IF home IS NOT NULL THEN
        EXECUTE format('SELECT %s.create_hypertable(''baton.sample'', ''at'')', home);
    END IF;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'baton.sample stays a plain table: %', SQLERRM;
END
$$;
