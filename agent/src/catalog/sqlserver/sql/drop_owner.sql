/* shopmaster drop_owner */
DROP TABLE [shopmaster].[Owner];
