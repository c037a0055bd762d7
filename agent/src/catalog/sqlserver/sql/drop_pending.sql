/* shopmaster drop_pending */
DROP VIEW [shopmaster].[Pending];
