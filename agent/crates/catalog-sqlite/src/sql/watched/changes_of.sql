SELECT
    c.ChangeID,
    c.ProductID,
    c.ChangeType,
    c.ChangeDateTime,
    0,
    c.Source
FROM shopmaster_ChangeLog AS c
WHERE c.Source = ?1 AND c.ProductID IS ?2
ORDER BY c.ChangeID
