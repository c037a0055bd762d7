DROP TABLE [shopmaster].[Owner];
