/* shopmaster remove */
-- Removes the change capture of shopMaster: the trigger, and what it writes to. Changes that were not sent yet
-- are forgotten.
--
-- All of it is done or nothing, and nothing in another database. A trigger can be dropped only while nobody is
-- at the table, and whoever comes to the table waits behind it: so it waits for a quarter of a second at most.
-- Error 1222 says that this was too short: nothing was changed, run it again. `shopmasterctl capture remove`
-- tries twenty times, with pauses of one to three seconds.
