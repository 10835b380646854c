-- Run on each connection: what a batch puts in first, to be merged with what is there.
SET client_min_messages = warning;
SET search_path = pg_catalog, pg_temp;
SET timezone = 'UTC';
SET idle_in_transaction_session_timeout = '10min';
-- A few thousand rows meet millions, always by key: no plan may read the millions.
SET enable_hashjoin = off;
SET enable_mergejoin = off;
-- Changed columns; NULL: as it was. Those of the spec count if respecified, those of the end if there is a state.
CREATE TEMP TABLE task_in (
    key bigint, respecified boolean, role text, title text, priority text, labels jsonb, estimate_ms bigint,
    deadline timestamptz, state text, reason text, reason_text text, ended_at timestamptz, at_risk_at timestamptz,
    late_at timestamptz, revivals integer
) ON COMMIT DELETE ROWS;
-- Of the latest attempt of a task that is there already.
CREATE TEMP TABLE attempt_in (
    task bigint, started_at timestamptz, ended_at timestamptz, outcome text, counted boolean, lost boolean,
    exit_status integer, summary text, runtime_ms bigint, output_bytes bigint
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE measure_in (
    task bigint, token bigint, name text, value double precision, unit text, at timestamptz
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE card_in (LIKE baton.card) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE gone_in (number bigint, at timestamptz) ON COMMIT DELETE ROWS;
-- Cards that a load has found.
CREATE TEMP TABLE card_seen (number bigint PRIMARY KEY);
-- Whole rows, of a snapshot or the archive.
CREATE TEMP TABLE worker_load (LIKE baton.worker) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE task_load (LIKE baton.task) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE attempt_load (LIKE baton.attempt) ON COMMIT DELETE ROWS;
