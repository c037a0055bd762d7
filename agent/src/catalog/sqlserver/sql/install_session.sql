/* shopmaster install_session */
-- Installs the change capture of shopMaster.
--
-- One trigger writes the key of each changed product into [shopmaster].[ChangeLog], inside the sale's own
-- transaction and with no other lock than on the rows that it adds. No values are copied, and nothing else of
-- the shop's database is changed.
--
-- To take it away, run the removing text, which drops the trigger first. Never drop or alter the ChangeLog
-- alone: a sale whose trigger misses its table fails. The view [shopmaster].[Pending] is bound to it for that
-- reason, and the server refuses such a try.
--
-- A lock that the till holds is waited for two seconds at most; run the statement again then.
SET ANSI_NULLS ON;
SET QUOTED_IDENTIFIER ON;
SET ANSI_PADDING ON;
SET ANSI_WARNINGS ON;
SET CONCAT_NULL_YIELDS_NULL ON;
SET XACT_ABORT ON;
SET DEADLOCK_PRIORITY LOW;
SET LOCK_TIMEOUT 2000;
