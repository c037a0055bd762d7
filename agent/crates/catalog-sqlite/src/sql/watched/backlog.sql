SELECT
    count(*),
    count(*),
    min(c.ChangeDateTime),
    CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER) - min(c.ChangeDateTime)
FROM json_each(?1) AS g
CROSS JOIN shopmaster_ChangeLog AS c
WHERE c.ChangeID BETWEEN json_extract(g.value, '$[0]') AND json_extract(g.value, '$[1]')
