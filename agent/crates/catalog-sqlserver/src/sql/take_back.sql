/* shopmaster take_back */
IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
