        ELSE
            -- Who does not set the key has the same keys before and after: nothing is to be joined for them.
            INSERT INTO [shopmaster].[ChangeLog] ([ChangeType], [ProductID], [ChangeDateTime])
            SELECT N'UPDATE', i.{id}, GETUTCDATE() FROM inserted AS i WHERE i.{id} IS NOT NULL;
