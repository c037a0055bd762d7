SELECT
    c.ChangeID,
    c.ProductID,
    c.ChangeType,
    c.ChangeDateTime,
    c.BornID
FROM shopmaster_ChangeLog AS c
-- The right side takes the affinity and the collation of the left one: one pass, whatever the number of keys.
WHERE c.ProductID IN (SELECT k.value FROM json_each(?1) AS k)
ORDER BY c.ChangeID
