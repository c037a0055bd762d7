SELECT
    c.ChangeID,
    c.ProductID,
    c.ChangeType,
    c.ChangeDateTime
FROM shopmaster_ChangeLog AS c
WHERE c.ChangeID > ?1
ORDER BY c.ChangeID
LIMIT ?2
