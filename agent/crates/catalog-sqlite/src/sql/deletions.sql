SELECT c.ChangeID
FROM shopmaster_ChangeLog AS c
WHERE c.ChangeType = 'DELETE' AND c.ChangeID < ?1
ORDER BY c.ChangeID
