
-- The ChangeLog is of an earlier version, with a row for each change: the newest of each key is kept.
CREATE TEMP TABLE shopmaster_kept AS
SELECT
    c.ChangeID,
    c.ChangeType,
    c.ProductID,
    c.ChangeDateTime,
    iif(first_value(c.ChangeType) OVER key = 'INSERT', first_value(c.ChangeID) OVER key, 0) AS BornID
FROM main.shopmaster_ChangeLog AS c
WINDOW key AS (PARTITION BY c.ProductID COLLATE BINARY, typeof(c.ProductID) ORDER BY c.ChangeID);
DROP TABLE main.shopmaster_ChangeLog;
