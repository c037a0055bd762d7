/* shopmaster drop_change_log */
-- The ChangeLog is not as it should be, and what waits in it cannot be kept: an upload is due.
{drop_view}DROP TABLE [shopmaster].[ChangeLog];
