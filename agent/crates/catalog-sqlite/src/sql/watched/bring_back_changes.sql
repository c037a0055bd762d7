
INSERT INTO main.shopmaster_ChangeLog (ChangeID, ChangeType, Source, ProductID, ChangeDateTime, BornID)
SELECT max(ChangeID), ChangeType, Source, ProductID, ChangeDateTime, BornID
FROM temp.shopmaster_kept
GROUP BY Source, ProductID COLLATE BINARY, typeof(ProductID);
DROP TABLE temp.shopmaster_kept;
