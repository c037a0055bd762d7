/* shopmaster gap */
-- Between two rows that somebody holds, or beside them: whoever holds another one there keeps this from an answer.
SET LOCK_TIMEOUT 0;
SELECT COUNT_BIG(*) FROM {table} AS p{between}
