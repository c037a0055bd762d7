-- The ChangeLog is not as it should be, and what waits in it cannot be kept: an upload is due.
DROP TABLE [shopmaster].[ChangeLog];
{table}
