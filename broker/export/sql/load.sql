-- Whole rows over what may be there: what the rows do not know stays.
INSERT INTO baton.worker SELECT * FROM worker_load ON CONFLICT (number) DO NOTHING;
INSERT INTO baton.task SELECT * FROM task_load
ON CONFLICT (key) DO UPDATE
SET role = excluded.role, title = excluded.title, priority = excluded.priority, labels = excluded.labels,
    estimate_ms = excluded.estimate_ms, deadline = excluded.deadline, state = excluded.state,
    reason = excluded.reason, reason_text = excluded.reason_text, ended_at = excluded.ended_at;
INSERT INTO baton.attempt AS a SELECT * FROM attempt_load
ON CONFLICT (task, token) DO UPDATE
SET worker = excluded.worker, started_at = excluded.started_at, ended_at = excluded.ended_at,
    outcome = excluded.outcome, exit_status = excluded.exit_status, summary = excluded.summary,
    runtime_ms = coalesce(excluded.runtime_ms, a.runtime_ms),
    output_bytes = coalesce(excluded.output_bytes, a.output_bytes);
INSERT INTO baton.measure SELECT task, token, name, value, unit, at FROM measure_in
ON CONFLICT (task, token, name) DO UPDATE SET value = excluded.value, unit = excluded.unit;
DELETE FROM baton.card c USING card_in i WHERE c.number = i.number;
INSERT INTO baton.card SELECT * FROM card_in;
INSERT INTO card_seen SELECT number FROM card_in ON CONFLICT DO NOTHING;
