SELECT
    c.ChangeID,
    c.ProductID,
    c.ChangeType,
    c.ChangeDateTime,
    0,
    c.Source
FROM shopmaster_ChangeLog AS c
WHERE c.ChangeID BETWEEN ?1 AND ?2
ORDER BY c.ChangeID
LIMIT ?3
