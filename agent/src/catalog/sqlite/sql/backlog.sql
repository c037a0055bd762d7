SELECT
    count(*),
    count(DISTINCT c.ProductID),
    CAST(round(unixepoch(min(c.ChangeDateTime), 'subsec') * 1000) AS INTEGER),
    CAST(round((unixepoch('now', 'subsec') - unixepoch(min(c.ChangeDateTime), 'subsec')) * 1000) AS INTEGER)
FROM shopmaster_ChangeLog AS c
