SELECT
    count(*),
    count(DISTINCT c.ProductID),
    min(c.ChangeDateTime),
    CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER) - min(c.ChangeDateTime)
FROM shopmaster_ChangeLog AS c
