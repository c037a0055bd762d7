/* shopmaster release */
-- Drops the trigger of shopMaster, so that its ChangeLog can be made anew. Nothing is captured until the next
-- batch has made it again.
