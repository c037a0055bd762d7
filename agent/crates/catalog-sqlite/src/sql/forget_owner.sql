
-- The owner's table is not as it should be.
DROP TABLE shopmaster_Owner;
