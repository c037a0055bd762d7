SELECT json_extract(g.value, '$[0]'), json_extract(g.value, '$[1]')
FROM json_each(?1) AS g
WHERE NOT EXISTS (
    SELECT 1 FROM shopmaster_ChangeLog AS c
    WHERE c.ChangeID BETWEEN json_extract(g.value, '$[0]') AND json_extract(g.value, '$[1]')
)
