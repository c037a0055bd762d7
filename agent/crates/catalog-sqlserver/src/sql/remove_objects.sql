IF OBJECT_ID(N'[shopmaster].[Pending]', N'V') IS NOT NULL DROP VIEW [shopmaster].[Pending];
IF OBJECT_ID(N'[shopmaster].[ChangeLog]', N'U') IS NOT NULL DROP TABLE [shopmaster].[ChangeLog];
IF OBJECT_ID(N'[shopmaster].[Owner]', N'U') IS NOT NULL DROP TABLE [shopmaster].[Owner];
