/* shopmaster remove_session */
-- Removes the change capture of shopMaster: the trigger first, then what it writes to. Changes that were not
-- sent yet are forgotten.
SET DEADLOCK_PRIORITY LOW;
SET LOCK_TIMEOUT 2000;
