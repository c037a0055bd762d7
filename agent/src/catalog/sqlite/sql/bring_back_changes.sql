
INSERT INTO main.shopmaster_ChangeLog (ChangeID, ChangeType, ProductID, ChangeDateTime)
SELECT ChangeID, ChangeType, ProductID, ChangeDateTime FROM temp.shopmaster_kept ORDER BY ChangeID;
DROP TABLE temp.shopmaster_kept;

