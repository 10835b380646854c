-- A batch: before the rows that are new are copied, so that "the latest attempt" is the one before the batch.
UPDATE baton.attempt a
SET started_at = coalesce(s.started_at, a.started_at),
    ended_at = coalesce(s.ended_at, a.ended_at),
    outcome = CASE WHEN s.ended_at IS NULL THEN a.outcome ELSE s.outcome END,
    counted = CASE WHEN s.ended_at IS NULL THEN a.counted ELSE s.counted END,
    lost = CASE WHEN s.ended_at IS NULL THEN a.lost ELSE s.lost END,
    exit_status = CASE WHEN s.ended_at IS NULL THEN a.exit_status ELSE s.exit_status END,
    summary = CASE WHEN s.ended_at IS NULL THEN a.summary ELSE s.summary END,
    runtime_ms = CASE WHEN s.ended_at IS NULL THEN a.runtime_ms ELSE s.runtime_ms END,
    output_bytes = CASE WHEN s.ended_at IS NULL THEN a.output_bytes ELSE s.output_bytes END
FROM (SELECT i.*, (SELECT max(b.token) FROM baton.attempt b WHERE b.task = i.task) AS latest FROM attempt_in i) s
WHERE a.task = s.task AND a.token = s.latest;
INSERT INTO baton.measure
SELECT DISTINCT ON (task, token, name) task, token, name, value, unit, at
FROM (SELECT i.ctid AS line, i.task,
             coalesce(i.token, (SELECT max(b.token) FROM baton.attempt b WHERE b.task = i.task)) AS token,
             i.name, i.value, i.unit, i.at FROM measure_in i) s
WHERE token IS NOT NULL
ORDER BY task, token, name, line DESC
ON CONFLICT (task, token, name) DO UPDATE SET value = excluded.value, unit = excluded.unit, at = excluded.at;
UPDATE baton.task t
SET role = CASE WHEN s.respecified THEN s.role ELSE t.role END,
    title = CASE WHEN s.respecified THEN s.title ELSE t.title END,
    priority = CASE WHEN s.respecified THEN s.priority ELSE t.priority END,
    labels = CASE WHEN s.respecified THEN s.labels ELSE t.labels END,
    estimate_ms = CASE WHEN s.respecified THEN s.estimate_ms ELSE t.estimate_ms END,
    deadline = CASE WHEN s.respecified THEN s.deadline ELSE t.deadline END,
    state = coalesce(s.state, t.state),
    reason = CASE WHEN s.state IS NULL THEN t.reason ELSE s.reason END,
    reason_text = CASE WHEN s.state IS NULL THEN t.reason_text ELSE s.reason_text END,
    ended_at = CASE WHEN s.state IS NULL THEN t.ended_at ELSE s.ended_at END,
    at_risk_at = coalesce(s.at_risk_at, t.at_risk_at),
    late_at = coalesce(s.late_at, t.late_at),
    revivals = t.revivals + s.revivals
FROM task_in s
WHERE t.key = s.key;
DELETE FROM baton.card c USING card_in i WHERE c.number = i.number;
INSERT INTO baton.card SELECT * FROM card_in;
UPDATE baton.card c SET removed_at = g.at FROM gone_in g WHERE c.number = g.number;
