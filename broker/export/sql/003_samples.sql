-- Deletes samples from before `cut`: of a hypertable, chunks that are older as a whole; then single rows, n at most.
-- Two chunks may have rows of one ctid, so the time counts in the end.
CREATE FUNCTION baton.purge_samples(cut timestamptz, n integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    home text := (SELECT extnamespace::regnamespace::text FROM pg_catalog.pg_extension WHERE extname = 'timescaledb');
    is_hypertable boolean := false;
BEGIN
    IF home IS NOT NULL THEN
        EXECUTE 'SELECT EXISTS (SELECT FROM timescaledb_information.hypertables'
            ' WHERE hypertable_schema = ''baton'' AND hypertable_name = ''sample'')' INTO is_hypertable;
    END IF;
    IF is_hypertable THEN
        EXECUTE format('SELECT %s.drop_chunks(''baton.sample'', older_than => $1)', home) USING cut;
    END IF;
    DELETE FROM baton.sample
        WHERE at < cut AND ctid = ANY (ARRAY(SELECT s.ctid FROM baton.sample s WHERE s.at < cut LIMIT n));
END
$$;
