-- Runs are ordered by a number of their own: the clock may be set back.

ALTER TABLE run ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;

UPDATE run SET sequence =
    (SELECT count(*) FROM run AS other WHERE (other.started_at, other.id) <= (run.started_at, run.id));

DROP INDEX run_started;

CREATE INDEX run_sequence ON run (sequence);
