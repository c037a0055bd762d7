
-- The ChangeLog is not as it should be: it is made anew, and what waits in it is kept.
CREATE TEMP TABLE shopmaster_kept AS
SELECT ChangeID, ChangeType, Source, ProductID, ChangeDateTime, BornID FROM main.shopmaster_ChangeLog;
DROP TABLE main.shopmaster_ChangeLog;
