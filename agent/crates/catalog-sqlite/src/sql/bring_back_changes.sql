
INSERT INTO main.shopmaster_ChangeLog (ChangeID, ChangeType, ProductID, ChangeDateTime, BornID)
SELECT max(ChangeID), ChangeType, ProductID, ChangeDateTime, BornID
FROM temp.shopmaster_kept
GROUP BY ProductID COLLATE BINARY, typeof(ProductID);
DROP TABLE temp.shopmaster_kept;
