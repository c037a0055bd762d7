SELECT
    c.ChangeID,
    c.ProductID,
    c.ChangeType,
    CAST(round(unixepoch(c.ChangeDateTime, 'subsec') * 1000) AS INTEGER)
FROM shopmaster_ChangeLog AS c
WHERE c.ChangeID > ?1
ORDER BY c.ChangeID
LIMIT ?2
