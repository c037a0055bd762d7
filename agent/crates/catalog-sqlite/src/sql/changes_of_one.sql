SELECT
    c.ChangeID,
    c.ProductID,
    c.ChangeType,
    c.ChangeDateTime,
    c.BornID
FROM shopmaster_ChangeLog AS c
WHERE c.ProductID IS ?1
ORDER BY c.ChangeID
