DROP VIEW [shopmaster].[Pending];
